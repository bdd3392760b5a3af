-- Acknowledgements: that somebody looked into an operation without a valid code and says what it is. It stays quarantined, and is told as
-- acknowledged from then on (ledger/sealing/acknowledgements.py).
-- Invariants: I1 nothing here is ever changed. I55 only what is quarantined is acknowledged, as its record was then (leaf_hash); the code is made
--             with a key that the database does not have, so that whoever writes an operation by hand cannot acknowledge it by hand.
CREATE TABLE public.ledger_seal_acknowledgement (
  book_id integer NOT NULL,
  operation_id bigint NOT NULL,
  leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
  who text NOT NULL CHECK (who <> ''),
  reason text NOT NULL CHECK (reason <> ''),
  acknowledged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  mac bytea NOT NULL,
  mac_key text COLLATE "C" NOT NULL,
  PRIMARY KEY (book_id, operation_id, leaf_hash)
);
SELECT public.appendonly_guard('public.ledger_seal_acknowledgement');

-- ledger_acknowledge_v1: one acknowledgement; false where the same was acknowledged before. Invariant: I55.
CREATE FUNCTION public.ledger_acknowledge_v1(
  p_book integer, p_operation bigint, p_leaf_hash bytea, p_who text, p_reason text, p_mac bytea, p_mac_key text) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO ledger_seal_acknowledgement (book_id, operation_id, leaf_hash, who, reason, mac, mac_key)
  SELECT q.book_id, q.operation_id, p_leaf_hash, p_who, p_reason, p_mac, p_mac_key
  FROM ledger_seal_quarantine q WHERE q.book_id = p_book AND q.operation_id = p_operation ON CONFLICT DO NOTHING;
  RETURN FOUND;
END $$;
