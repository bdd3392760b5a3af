-- Takes the next mass operation that has work, for as long as a lease lasts.
-- Inputs:    owner (uuid of the run), lease (seconds).
-- Result:    its id, or no row.
-- Invariant: I42, one worker at a time: SKIP LOCKED while choosing, then the lease; every later write of the worker names its lease.
-- Order:     what a person asked for, then checks (somebody waits for them), then by class; among equals, who was served longest ago.
-- Cost:      an index range of the few that are not final.
UPDATE massops_massoperation m SET lease_owner = %(owner)s, lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM (SELECT c.id FROM massops_massoperation c
      WHERE c.state IN ('checking', 'scheduled', 'posting', 'paused')
        AND (c.wish <> '' OR c.state IN ('checking', 'posting') OR (c.state = 'scheduled' AND c.start_at <= clock_timestamp()))
        AND (c.lease_until IS NULL OR c.lease_until < clock_timestamp() OR c.lease_owner IS NULL)
      ORDER BY c.wish = '', c.state <> 'checking', array_position(ARRAY['critical', 'normal', 'bulk'], c.priority::text), c.lease_until NULLS FIRST, c.id
      LIMIT 1 FOR UPDATE SKIP LOCKED) chosen
WHERE m.id = chosen.id
RETURNING m.id
