-- The accounts of the entries of operations, by operation. Inputs: ids of operations, book. Operations that are in no table have no row.
-- Cost: one probe of the operations' key and one of the entries' for each.
SELECT o.id, ARRAY(SELECT e.account_id FROM public.ledger_entry e
                   WHERE e.book_id = o.book_id AND e.id >= o.entry_first AND e.id <= o.entry_last AND e.operation_id = o.id)
FROM unnest(%b::bigint[]) w(id)
CROSS JOIN LATERAL (SELECT x.book_id, x.id, x.entry_first, x.entry_last FROM public.ledger_operation x
                    WHERE x.book_id = %b::int AND x.id = w.id OFFSET 0) o
