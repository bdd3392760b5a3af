-- security_record_effect_v1: records what came of an approval, once; a repetition changes nothing.
-- Inputs:    approval; 'done' or 'refused'; what the handler of its kind answered.
-- Invariant: I31. Cost: one probe, one insert.
CREATE FUNCTION public.security_record_effect_v1(p_approval bigint, p_outcome text, p_result jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM security_approval_decision d WHERE d.approval_id = p_approval AND d.decision IN ('approved', 'not_needed')) THEN
    RAISE EXCEPTION 'approval % was not given', p_approval USING ERRCODE = 'restrict_violation';
  END IF;
  INSERT INTO security_approval_effect (approval_id, outcome, result) VALUES (p_approval, p_outcome, p_result)
  ON CONFLICT (approval_id) DO NOTHING;
END $$;
