-- The bodies of signed batches, exactly as they were received, each once. An operation of a batch names its body by the digest in its evidence.
-- Invariants: I1 (guards). I34: the name of a body is its SHA-256, computed here, so no other body can stand in its place.
-- Written by security_keep_body_v1 only.
CREATE TABLE public.security_signed_body (
  digest bytea PRIMARY KEY,
  body bytea NOT NULL,
  kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (digest = sha256(body))
);
SELECT public.appendonly_guard('public.security_signed_body');
