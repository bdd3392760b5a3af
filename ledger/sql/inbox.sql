-- The inbox: messages that were answered 202 and wait for their turn. A queue, not the ledger: a row leaves in the transaction that writes
-- its operation (ledger_post_v1), and what it leaves is the operation.
-- Invariant: I15, a stored message becomes exactly one operation. Its key decides (I6), so a worker that was slow or was killed after
--            posting cannot make it happen twice; a lease that ran out lets another worker take it.
CREATE TABLE public.ledger_inbox (
  id bigint GENERATED ALWAYS AS IDENTITY,
  book_id integer NOT NULL,
  source_id bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  kind text NOT NULL,
  message bytea NOT NULL,
  message_hash bytea NOT NULL,
  credential text NOT NULL,
  received_at timestamptz NOT NULL,
  reverses bigint,
  request_id text COLLATE "C",
  traceparent text COLLATE "C",
  signature text COLLATE "C",
  -- Made when the message was stored, with a key that the database does not have: a row inserted by hand is never posted.
  mac bytea,
  mac_key text COLLATE "C",
  -- 1 critical, 2 normal, 3 bulk
  priority smallint NOT NULL CHECK (priority BETWEEN 1 AND 3),
  taken_until timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (id),
  UNIQUE (book_id, source_id, key)
);
CREATE INDEX ledger_inbox_turn ON public.ledger_inbox (priority, id);
