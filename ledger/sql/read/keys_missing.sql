-- Operations of a book, at or below a safe id, whose idempotency key is not kept, and reversals that happened without the key that makes them
-- happen once.
-- Inputs: book, the safe id. Result: operation, what is wrong. Cost: reads all keys and operations of the book, once where they are hashed.
SELECT w.id, w.detail
FROM (SELECT o.book_id, o.id, o.source_id, o.key, 'Its key is not kept, so the same message could be posted again.' AS detail
      FROM public.ledger_operation o WHERE o.book_id = %(book)s AND o.id <= %(safe)s
      UNION ALL
      SELECT o.book_id, o.id, 0, 'reversal:' || o.reverses, 'The key of its reversal is not kept, so the same operation could be reversed again.'
      FROM public.ledger_operation o
      WHERE o.book_id = %(book)s AND o.id <= %(safe)s AND o.reverses IS NOT NULL AND o.outcome = 'accepted') w
WHERE NOT EXISTS (SELECT FROM public.ledger_operation_key k
                  WHERE k.book_id = w.book_id AND k.source_id = w.source_id AND k.key = w.key AND k.operation_id = w.id)
LIMIT %(rows)s
