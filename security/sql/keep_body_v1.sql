-- security_keep_body_v1: keeps the body of a signed batch under its SHA-256; one that is there already stays.
-- Inputs:    the body as it was received.
-- Invariant: I34. Cost: two digests of the body, one insert.
CREATE FUNCTION public.security_keep_body_v1(p_body bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO security_signed_body (digest, body) VALUES (sha256(p_body), p_body) ON CONFLICT (digest) DO NOTHING;
$$;
