-- ledger_put_inbox_v1: stores messages that will be posted later; one row of the result for each, in input order.
-- Inputs:    book; parallel arrays with one element for each message; the priority class of all of them.
-- Result:    'waiting', 'key_reused', or the outcome of the operation that the key already has, with that operation's id.
-- Invariant: I6 the key decides first; I15. Keys are inserted in sorted order. Waits: the same key being stored at the same time.
-- Cost:      two index probes and one insert for each message.
CREATE FUNCTION public.ledger_put_inbox_v1(
  p_book integer, p_source bigint[], p_key text[], p_kind text[], p_message bytea[], p_hash bytea[], p_credential text[],
  p_received timestamptz[], p_reverses bigint[], p_request_id text[], p_traceparent text[], p_signature text[], p_priority smallint,
  p_mac bytea[] DEFAULT NULL, p_mac_key text DEFAULT NULL)
RETURNS TABLE (ordinal integer, state text, operation_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_nestloop = off AS $$
BEGIN
  INSERT INTO ledger_inbox (book_id, source_id, key, kind, message, message_hash, credential, received_at, reverses, request_id, traceparent,
                            signature, priority, mac, mac_key)
  SELECT p_book, u.source, u.key, u.kind, u.message, u.hash, u.credential, u.received, u.reverses, u.request_id, u.traceparent, u.signature,
         p_priority, u.mac, p_mac_key
  FROM unnest(p_source, p_key, p_kind, p_message, p_hash, p_credential, p_received, p_reverses, p_request_id, p_traceparent, p_signature, p_mac)
    WITH ORDINALITY u(source, key, kind, message, hash, credential, received, reverses, request_id, traceparent, signature, mac, ordinal)
  WHERE NOT EXISTS (SELECT FROM ledger_operation_key k WHERE k.book_id = p_book AND k.source_id = u.source AND k.key = u.key)
  ORDER BY u.source, u.key, u.ordinal
  ON CONFLICT (book_id, source_id, key) DO NOTHING;
  RETURN QUERY
    SELECT u.ordinal::integer,
           CASE WHEN coalesce(o.message_hash, i.message_hash) <> u.hash THEN 'key_reused' ELSE coalesce(o.outcome, 'waiting') END, o.id
    FROM unnest(p_source, p_key, p_hash) WITH ORDINALITY u(source, key, hash, ordinal)
    LEFT JOIN LATERAL (SELECT x.operation_id FROM ledger_operation_key x
                       WHERE x.book_id = p_book AND x.source_id = u.source AND x.key = u.key OFFSET 0) k ON true
    LEFT JOIN LATERAL (SELECT x.* FROM ledger_operation x WHERE x.book_id = p_book AND x.id = k.operation_id OFFSET 0) o ON true
    LEFT JOIN LATERAL (SELECT x.message_hash FROM ledger_inbox x
                       WHERE x.book_id = p_book AND x.source_id = u.source AND x.key = u.key OFFSET 0) i ON true
    ORDER BY u.ordinal;
END $$;
