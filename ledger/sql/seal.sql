-- The seal: blocks of a Merkle tree over a book's operations, the tree's complete subtrees, its signed heads, and where they went.
-- Invariants: I51 every operation at or below a block's to_id is a leaf of exactly one block, or quarantined by exactly one
--             (ledger_seal_block_v1 counts them). I52 a block continues the one before it: number, size, root and range.
--             I1 nothing here is ever changed.
-- These tables are evidence, not the guard: whoever owns the database can rewrite them; the signature and the heads that lie outside of it
-- (ledger/sealing/publication.py) are what such a person cannot make again.
-- leaf_hashes: 32 bytes for each leaf, the header's first; stored plainly, so that a proof reads only the pieces that it needs.
CREATE TABLE public.ledger_seal_block (
  book_id integer NOT NULL,
  number bigint NOT NULL CHECK (number > 0),
  incarnation integer NOT NULL CHECK (incarnation > 0),
  previous_size bigint NOT NULL,
  size bigint NOT NULL,
  previous_root bytea NOT NULL CHECK (octet_length(previous_root) = 32),
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  from_id bigint NOT NULL,
  to_id bigint NOT NULL CHECK (to_id >= from_id),
  count integer NOT NULL CHECK (count >= 0 AND size = previous_size + 1 + count),
  sealed_at timestamptz NOT NULL,
  header bytea NOT NULL,
  leaf_hashes bytea NOT NULL CHECK (octet_length(leaf_hashes) = 32 * (count + 1)),
  PRIMARY KEY (book_id, number)
);
ALTER TABLE public.ledger_seal_block ALTER COLUMN leaf_hashes SET STORAGE EXTERNAL;
-- The block of a leaf, and the block of an operation.
CREATE UNIQUE INDEX ledger_seal_block_size ON public.ledger_seal_block (book_id, size);
CREATE UNIQUE INDEX ledger_seal_block_to ON public.ledger_seal_block (book_id, to_id, number);
SELECT public.appendonly_guard('public.ledger_seal_block');

-- Roots of complete subtrees, of every sixth level: what lies between is folded from at most 32 of them.
CREATE TABLE public.ledger_seal_node (
  book_id integer NOT NULL,
  level smallint NOT NULL CHECK (level > 0),
  index bigint NOT NULL,
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (book_id, level, index)
);
SELECT public.appendonly_guard('public.ledger_seal_node');

-- Operations without a valid code: they are no leaves, and their block's header names them.
CREATE TABLE public.ledger_seal_quarantine (
  book_id integer NOT NULL,
  operation_id bigint NOT NULL,
  block_number bigint NOT NULL,
  reason text NOT NULL,
  found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (book_id, operation_id)
);
SELECT public.appendonly_guard('public.ledger_seal_quarantine');

-- Signed heads: the note as it was signed; cosignatures of witnesses come later, one row each.
CREATE TABLE public.ledger_seal_checkpoint (
  book_id integer NOT NULL,
  size bigint NOT NULL,
  incarnation integer NOT NULL,
  note text NOT NULL,
  signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (book_id, size)
);
SELECT public.appendonly_guard('public.ledger_seal_checkpoint');
CREATE TABLE public.ledger_seal_cosignature (
  book_id integer NOT NULL,
  size bigint NOT NULL,
  witness text NOT NULL,
  line text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (book_id, size, witness)
);
SELECT public.appendonly_guard('public.ledger_seal_cosignature');
CREATE TABLE public.ledger_seal_publication (
  book_id integer NOT NULL,
  sink text NOT NULL,
  size bigint NOT NULL,
  published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (book_id, sink, size)
);
SELECT public.appendonly_guard('public.ledger_seal_publication');

-- What verifications found and how far those under way have come: one row for each step.
CREATE TABLE public.ledger_verification (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run uuid NOT NULL,
  mode text NOT NULL,
  state text NOT NULL CHECK (state IN ('asked', 'running', 'done')),
  noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  done bigint NOT NULL DEFAULT 0,
  total bigint NOT NULL DEFAULT 0,
  exit_code smallint,
  report jsonb
);
CREATE INDEX ledger_verification_run ON public.ledger_verification (run, id);
SELECT public.appendonly_guard('public.ledger_verification');
