-- Entries of a book in a range of ids that no operation contains: without their operation, of a refused one, or outside of the range that
-- it names. Inputs: book, ids above one up to another. Result: entry, operation. Cost: one range of the key, one probe for each entry.
SELECT e.id, e.operation_id
FROM public.ledger_entry e LEFT JOIN public.ledger_operation o ON o.book_id = e.book_id AND o.id = e.operation_id
WHERE e.book_id = %(book)s AND e.id > %(from)s AND e.id <= %(to)s
  AND (o.id IS NULL OR o.entry_first IS NULL OR e.id NOT BETWEEN o.entry_first AND o.entry_last)
ORDER BY e.id LIMIT %(rows)s
