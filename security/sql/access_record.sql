-- The access record: who tried, was refused, or acted as staff. Never a secret, never a token.
-- Invariants: I1 (guards). I5: the writer owns a transaction id before it draws an id, so the record is ready to be sealed.
-- Written by security_record_access_v1 only.
CREATE SEQUENCE public.security_access_record_id_seq CACHE 1;
CREATE TABLE public.security_access_record (
  id bigint PRIMARY KEY DEFAULT (CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('public.security_access_record_id_seq') END),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  event text NOT NULL CHECK (event <> ''),
  who text NOT NULL,
  credential text NOT NULL,
  what text NOT NULL,
  code text NOT NULL,
  address inet,
  request_id text NOT NULL,
  -- How often the same happened within the minute, this time included; see security/access.py.
  times integer NOT NULL CHECK (times > 0)
);
CREATE INDEX security_access_record_who ON public.security_access_record (who, id) WHERE who <> '';
CREATE INDEX security_access_record_credential ON public.security_access_record (credential, id) WHERE credential <> '';
CREATE INDEX security_access_record_address ON public.security_access_record (address, id);
CREATE INDEX security_access_record_request ON public.security_access_record (request_id) WHERE request_id <> '';
CREATE INDEX security_access_record_event ON public.security_access_record (event, id);
CREATE INDEX security_access_record_time ON public.security_access_record USING brin (recorded_at);
SELECT public.appendonly_guard('public.security_access_record');
