-- What became of the messages of one source with these keys: place of the key, operation, outcome, credential.
-- Cost: two probes for each key, whatever the statistics say.
SELECT u.place, o.id, o.outcome, o.credential
FROM unnest(%s::text[]) WITH ORDINALITY u(key, place)
CROSS JOIN LATERAL (SELECT x.operation_id FROM ledger_operation_key x WHERE x.book_id = %s AND x.source_id = %s AND x.key = u.key OFFSET 0) k
CROSS JOIN LATERAL (SELECT x.id, x.outcome, x.credential FROM ledger_operation x WHERE x.book_id = %s AND x.id = k.operation_id OFFSET 0) o
