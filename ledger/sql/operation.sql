-- Operations: a message and what became of it, one row, written in the statement that decides it.
-- Invariants: I1 stored once, never changed (guards). I5 the transaction owns its id before it draws an id (the default's first half;
--             the poster does the same), which is what makes a mark safe.
--             I6 (book, source, key) names one operation for ever: the key table, whose unique key cannot span ranges of ids.
-- Kinds and hashes are domains: a CHECK of the table is parsed again by every statement that inserts, a domain's once in a session.
-- An accepted operation has entries, any other none: the one statement that inserts says so.
-- entry_first and entry_last bound the operation's entries by id, so they are found without an index of their own.
CREATE SEQUENCE public.ledger_operation_id_seq CACHE 1;
CREATE DOMAIN public.ledger_kind AS text COLLATE "C" CHECK (VALUE IN ('operation', 'reversal'));
CREATE DOMAIN public.ledger_sha256 AS bytea CHECK (octet_length(VALUE) = 32);
CREATE TABLE public.ledger_operation (
  id bigint NOT NULL DEFAULT (CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('public.ledger_operation_id_seq') END),
  book_id integer NOT NULL,
  source_id bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  kind public.ledger_kind NOT NULL,
  message bytea NOT NULL,
  message_hash public.ledger_sha256 NOT NULL,
  credential text NOT NULL,
  received_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  effective_at timestamptz NOT NULL,
  outcome text NOT NULL,
  reverses bigint,
  metadata jsonb,
  -- The accounts that a refused operation would have changed, so that it is found from them.
  refused_accounts bigint[],
  entry_first bigint,
  entry_last bigint,
  -- Where the message came from, as far as it was told: the request, the caller's trace (W3C), and the proof of a signed request.
  request_id text COLLATE "C",
  traceparent text COLLATE "C",
  signature text COLLATE "C",
  -- Made by the posting process with a key that the database does not have; mac_key names it.
  mac bytea,
  mac_key text COLLATE "C",
  salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()),
  PRIMARY KEY (book_id, id)
) PARTITION BY RANGE (id);
-- Metadata is searched by containment; operations without it pay nothing.
CREATE INDEX ledger_operation_metadata ON public.ledger_operation USING gin (metadata jsonb_path_ops) WHERE metadata IS NOT NULL;
CREATE INDEX ledger_operation_refused_accounts ON public.ledger_operation USING gin (refused_accounts) WHERE refused_accounts IS NOT NULL;
-- Refusals by time and code, for lists and charts; accepted operations pay nothing.
CREATE INDEX ledger_operation_refused ON public.ledger_operation (book_id, id, outcome) WHERE outcome <> 'accepted';

-- One row for each key. Source 0 is the ledger itself: its keys (`reversal:ID`) make a reversal happen once.
CREATE TABLE public.ledger_operation_key (
  book_id integer NOT NULL,
  source_id bigint NOT NULL,
  key text COLLATE "C" NOT NULL,
  operation_id bigint NOT NULL,
  PRIMARY KEY (book_id, source_id, key) INCLUDE (operation_id)
) PARTITION BY HASH (key);
SELECT public.appendonly_guard('public.ledger_operation');
SELECT public.appendonly_guard('public.ledger_operation_key');
DO $$
BEGIN
  FOR remainder IN 0..15 LOOP
    EXECUTE format('CREATE TABLE public.ledger_operation_key_%s PARTITION OF public.ledger_operation_key FOR VALUES WITH (MODULUS 16, REMAINDER %s)', remainder, remainder);
    PERFORM public.appendonly_guard(format('public.ledger_operation_key_%s', remainder)::regclass);
  END LOOP;
END $$;
