-- Entries of a book that lie in the given ranges of ids, in id order. Inputs: book, first and last ids (parallel arrays, not overlapping).
-- Cost: the ranges of the key.
SELECT e.operation_id, e.id, e.account_id, e.amount::text
FROM unnest(%b::bigint[], %b::bigint[]) WITH ORDINALITY r(first, last, place)
CROSS JOIN LATERAL (SELECT x.operation_id, x.id, x.account_id, x.amount FROM public.ledger_entry x
                    WHERE x.book_id = %b::int AND x.id >= r.first AND x.id <= r.last ORDER BY x.id OFFSET 0) e
ORDER BY r.place
