-- Entries of a book that lie in the given ranges of ids, by operation and then by id, as one row of columns that lie behind each other:
-- operations, ids and accounts as eight bytes each, then the amounts, then `account:amount` as codes have it (ledger/sealing/mac.py).
-- Inputs: first and last ids (parallel arrays, not overlapping), book. Cost: the ranges of the key, half a microsecond an entry.
SELECT string_agg(int8send(e.operation_id), ''), string_agg(int8send(e.id), ''), string_agg(int8send(e.account_id), ''),
       string_agg(e.amount, ';'), string_agg(e.account_id || ':' || e.amount, ';')
FROM (SELECT x.operation_id, x.id, x.account_id, x.amount::text AS amount
      FROM unnest(%b::bigint[], %b::bigint[]) r(first, last)
      CROSS JOIN LATERAL (SELECT y.operation_id, y.id, y.account_id, y.amount FROM public.ledger_entry y
                          WHERE y.book_id = %b::int AND y.id >= r.first AND y.id <= r.last OFFSET 0) x
      ORDER BY x.operation_id, x.id) e
