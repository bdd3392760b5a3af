-- Entries of a book in a range of ids that no operation contains (without their operation, of a refused one, or outside of the range that
-- it names), and those with other times than their operation, whose leaf is all that is sealed of times.
-- Inputs: book, ids above one up to another, ranges of operations that lie in archives instead (parallel arrays: above, up to). Result: entry, operation, what is wrong. Cost: one range of the key, one probe for each entry.
SELECT e.id, e.operation_id, CASE WHEN o.entry_first IS NULL OR e.id NOT BETWEEN o.entry_first AND o.entry_last
  THEN 'says that it belongs to this operation, which does not contain it' ELSE 'has other times than its operation' END
FROM public.ledger_entry e LEFT JOIN public.ledger_operation o ON o.book_id = e.book_id AND o.id = e.operation_id
WHERE e.book_id = %(book)s AND e.id > %(from)s AND e.id <= %(to)s
  AND NOT (o.id IS NULL AND EXISTS (SELECT FROM unnest(%(above)s::bigint[], %(upto)s::bigint[]) a(above, upto)
                                    WHERE e.operation_id > a.above AND e.operation_id <= a.upto))
  AND (o.id IS NULL OR o.entry_first IS NULL OR e.id NOT BETWEEN o.entry_first AND o.entry_last
       OR (e.recorded_at, e.effective_at) <> (o.recorded_at, o.effective_at))
ORDER BY e.id LIMIT %(rows)s
