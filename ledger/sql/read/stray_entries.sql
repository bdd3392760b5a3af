-- Entries of a book in a range of ids that no operation contains (without their operation, of a refused one, or outside of the range that
-- it names), and those with other times than their operation, whose leaf is all that is sealed of times.
-- Inputs: book, ids above one up to another, ranges of operations that lie in archives instead (parallel arrays: above, up to). Result:
--         entry, operation, what is wrong.
-- Cost:   one range of the entries' key twice, and one of the operations': about half a microsecond an entry where the two are hashed, as
--         derived_check.py asks for, and some megabytes of memory for a step. The bounds keep it from hashing all operations in each step.
WITH bound AS (SELECT min(e.operation_id) AS first, max(e.operation_id) AS last FROM public.ledger_entry e
               WHERE e.book_id = %(book)s AND e.id > %(from)s AND e.id <= %(to)s)
SELECT e.id, e.operation_id, CASE WHEN o.entry_first IS NULL OR e.id NOT BETWEEN o.entry_first AND o.entry_last
  THEN 'says that it belongs to this operation, which does not contain it' ELSE 'has other times than its operation' END
FROM public.ledger_entry e
LEFT JOIN (SELECT x.id, x.entry_first, x.entry_last, x.recorded_at, x.effective_at FROM public.ledger_operation x
           WHERE x.book_id = %(book)s AND x.id >= (SELECT first FROM bound) AND x.id <= (SELECT last FROM bound)) o ON o.id = e.operation_id
WHERE e.book_id = %(book)s AND e.id > %(from)s AND e.id <= %(to)s
  AND (o.id IS NULL OR o.entry_first IS NULL OR e.id NOT BETWEEN o.entry_first AND o.entry_last
       OR e.recorded_at <> o.recorded_at OR e.effective_at <> o.effective_at)
  AND NOT (o.id IS NULL AND EXISTS (SELECT FROM unnest(%(above)s::bigint[], %(upto)s::bigint[]) a(above, upto)
                                    WHERE e.operation_id > a.above AND e.operation_id <= a.upto))
ORDER BY e.id LIMIT %(rows)s
