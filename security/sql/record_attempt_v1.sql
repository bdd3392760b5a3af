-- security_record_attempt_v1: records that the handler of an approval failed, and why.
-- Inputs:    approval; the reason.
-- Result:    how often it failed so far, this time included.
-- Invariant: I31. Cost: one insert, one probe.
CREATE FUNCTION public.security_record_attempt_v1(p_approval bigint, p_reason text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO security_approval_attempt (approval_id, reason) VALUES (p_approval, p_reason);
  RETURN (SELECT count(*) FROM security_approval_attempt t WHERE t.approval_id = p_approval);
END $$;
