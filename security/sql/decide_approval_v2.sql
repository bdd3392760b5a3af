-- security_decide_approval_v2: records one person's decision on what another asked for.
-- Inputs:    approval; the staff source who decides; 'approved', 'rejected' or 'withdrawn' (by the one who asked); the reason; how long after
--            the request it can be decided.
-- Result:    NULL, or why nothing was recorded: 'unknown', 'own', 'not_own', 'not_staff', 'decided', 'expired'.
-- Invariant: I30. Waits: another decision on the same approval under way; the second is told 'decided'. Cost: three probes, one insert.
CREATE FUNCTION public.security_decide_approval_v2(p_approval bigint, p_by bigint, p_decision text, p_reason text, p_open interval) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE asker bigint; asked timestamptz;
BEGIN
  IF p_decision NOT IN ('approved', 'rejected', 'withdrawn') THEN
    RAISE EXCEPTION 'there is no decision %', p_decision;
  END IF;
  SELECT a.requested_by_id, a.requested_at INTO asker, asked FROM security_approval a WHERE a.id = p_approval;
  IF asker IS NULL THEN RETURN 'unknown'; END IF;
  IF p_decision = 'withdrawn' AND asker <> p_by THEN RETURN 'not_own'; END IF;
  IF p_decision <> 'withdrawn' AND asker = p_by THEN RETURN 'own'; END IF;
  IF p_decision <> 'withdrawn' AND NOT EXISTS (SELECT FROM security_source s WHERE s.id = p_by AND s.kind = 'staff') THEN RETURN 'not_staff'; END IF;
  IF asked < clock_timestamp() - p_open AND NOT EXISTS (SELECT FROM security_approval_decision d WHERE d.approval_id = p_approval) THEN RETURN 'expired'; END IF;
  INSERT INTO security_approval_decision (approval_id, decision, decided_by_id, reason)
  VALUES (p_approval, p_decision, p_by, p_reason) ON CONFLICT (approval_id) DO NOTHING;
  RETURN CASE WHEN NOT FOUND THEN 'decided' END;
END $$;
