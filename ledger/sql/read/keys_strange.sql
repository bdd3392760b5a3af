-- Idempotency keys of a book, at or below a safe operation id, that name an operation whose key they are not. The second look: asked where
-- keys_counted.sql says that there are more of them than operations.
-- Inputs: book, the safe id, ranges of operations that lie in archives instead (parallel arrays: above, up to). Result: operation, what is wrong.
-- Cost:   reads all keys and operations of the book.
SELECT k.operation_id, 'A key names it that is not its own.'
FROM public.ledger_operation_key k
WHERE k.book_id = %(book)s AND k.operation_id <= %(safe)s AND NOT EXISTS (
  SELECT FROM public.ledger_operation o WHERE o.book_id = k.book_id AND o.id = k.operation_id
    AND CASE WHEN k.source_id = 0 THEN k.key = 'reversal:' || o.reverses ELSE o.source_id = k.source_id AND o.key = k.key END)
  AND NOT EXISTS (SELECT FROM unnest(%(above)s::bigint[], %(upto)s::bigint[]) a(above, upto)
                  WHERE k.operation_id > a.above AND k.operation_id <= a.upto)
LIMIT %(rows)s
