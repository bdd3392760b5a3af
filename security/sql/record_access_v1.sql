-- security_record_access_v1: appends one row to the access record.
-- Inputs:    the columns of the table; the moment is the database's.
-- Invariant: I1. Cost: one insert into a table with six indexes; rows of failures are bounded by their writer (security/access.py).
CREATE FUNCTION public.security_record_access_v1(
  p_event text, p_who text, p_credential text, p_what text, p_code text, p_address inet, p_request_id text, p_times integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO security_access_record (event, who, credential, what, code, address, request_id, times)
  VALUES (p_event, p_who, p_credential, p_what, p_code, p_address, p_request_id, p_times)
$$;
