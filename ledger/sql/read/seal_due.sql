-- What the sealer has to do: each book with its newest block, and the first operation above it that is at or below the newest closed mark.
-- Inputs: none. Result: book, name, to_id and time of the newest block, the safe id, the first operation to seal and when it was recorded,
--         and the first one that waits for a mark.
-- Cost:   three probes for each book.
SELECT k.id, k.name, coalesce(b.to_id, 0), b.sealed_at, safe.id, due.id, due.recorded_at, waiting.recorded_at, clock_timestamp()
FROM public.accounts_book k
CROSS JOIN (SELECT coalesce((SELECT m.operation_id FROM public.ledger_mark m ORDER BY m.id DESC LIMIT 1), 0) AS id) safe
LEFT JOIN LATERAL (SELECT x.to_id, x.sealed_at FROM public.ledger_seal_block x WHERE x.book_id = k.id ORDER BY x.number DESC LIMIT 1) b ON true
LEFT JOIN LATERAL (SELECT o.id, o.recorded_at FROM public.ledger_operation o
                   WHERE o.book_id = k.id AND o.id > coalesce(b.to_id, 0) AND o.id <= safe.id ORDER BY o.id LIMIT 1) due ON true
LEFT JOIN LATERAL (SELECT o.recorded_at FROM public.ledger_operation o
                   WHERE o.book_id = k.id AND o.id > greatest(coalesce(b.to_id, 0), safe.id) ORDER BY o.id LIMIT 1) waiting ON due.id IS NULL
ORDER BY k.id
