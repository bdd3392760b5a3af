-- security_request_approval_v1: stores what somebody asks for, and decides at once that no approval is needed where a threshold says so.
-- Inputs:    kind; what would happen, in words; what the handler of the kind needs; amounts as {unit: minor units as text}; who asks.
-- Result:    the id, and whether a second person must decide. It must not where each amount has a threshold (of the kind and its unit,
--            else of the kind and every unit) that is not exceeded, or that says "never". No threshold means that it must.
-- Invariant: I30. Cost: three probes and two inserts.
CREATE FUNCTION public.security_request_approval_v1(
  p_kind text, p_summary text, p_payload jsonb, p_amounts jsonb, p_requested_by bigint, OUT o_id bigint, OUT o_needed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  SELECT coalesce(bool_or(t.id IS NULL OR (t.above_minor IS NOT NULL AND (a.minor IS NULL OR abs(a.minor) > t.above_minor))), true) INTO o_needed
  FROM (SELECT x.key AS unit, x.value::numeric AS minor FROM jsonb_each_text(p_amounts) x
        UNION ALL SELECT '', NULL WHERE p_amounts = '{}') a
  LEFT JOIN LATERAL (SELECT h.id, h.above_minor FROM security_approval_threshold h WHERE h.kind = p_kind AND h.unit IN (a.unit, '')
                     ORDER BY h.unit DESC LIMIT 1) t ON true;
  INSERT INTO security_approval (kind, summary, payload, amounts, requested_by_id)
  VALUES (p_kind, p_summary, p_payload, p_amounts, p_requested_by) RETURNING id INTO o_id;
  IF NOT o_needed THEN
    INSERT INTO security_approval_decision (approval_id, decision, reason) VALUES (o_id, 'not_needed', 'not above the threshold');
  END IF;
END $$;
