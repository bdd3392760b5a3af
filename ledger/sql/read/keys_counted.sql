-- How many idempotency keys a book has at or below a safe operation id, and how many it should have: one for each operation, and one more
-- for each reversal that happened. Where none is missing (keys_missing.sql) and the two are the same, there is no strange one either.
-- Inputs: book, the safe id, ranges of operations that lie in archives instead (parallel arrays: above, up to). Cost: reads both once.
SELECT (SELECT count(*) FROM public.ledger_operation_key k
        WHERE k.book_id = %(book)s AND k.operation_id <= %(safe)s
          AND NOT EXISTS (SELECT FROM unnest(%(above)s::bigint[], %(upto)s::bigint[]) a(above, upto)
                          WHERE k.operation_id > a.above AND k.operation_id <= a.upto)),
       (SELECT count(*) + count(*) FILTER (WHERE o.reverses IS NOT NULL AND o.outcome = 'accepted')
        FROM public.ledger_operation o WHERE o.book_id = %(book)s AND o.id <= %(safe)s
          AND NOT EXISTS (SELECT FROM unnest(%(above)s::bigint[], %(upto)s::bigint[]) a(above, upto) WHERE o.id > a.above AND o.id <= a.upto))
