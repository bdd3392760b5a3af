-- Where each book's chain stands. Inputs: none. Cost: a few probes for each book.
SELECT k.name, coalesce(b.number, 0), coalesce(b.size, 0), coalesce(b.incarnation, 1), coalesce(c.size, 0), coalesce(p.size, 0),
       (SELECT count(*) FROM public.ledger_seal_quarantine q WHERE q.book_id = k.id),
       (SELECT count(*) FROM public.ledger_seal_quarantine q WHERE q.book_id = k.id AND NOT EXISTS (
          SELECT FROM public.ledger_seal_acknowledgement a WHERE a.book_id = q.book_id AND a.operation_id = q.operation_id))
FROM public.accounts_book k
LEFT JOIN LATERAL (SELECT x.number, x.size, x.incarnation FROM public.ledger_seal_block x WHERE x.book_id = k.id ORDER BY x.number DESC LIMIT 1) b ON true
LEFT JOIN LATERAL (SELECT x.size FROM public.ledger_seal_checkpoint x WHERE x.book_id = k.id ORDER BY x.size DESC LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT min(y.size) AS size FROM (SELECT max(x.size) AS size FROM public.ledger_seal_publication x WHERE x.book_id = k.id GROUP BY x.sink) y) p ON true
ORDER BY k.id
