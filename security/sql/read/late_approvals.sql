-- Approvals that were given and have no effect though it is time: whoever was to see to it has crashed, or the handler failed.
-- Inputs:  now; after how many seconds an effect is late; how many to return.
-- After n failures the next attempt waits for that many seconds times 2^(n-1). Cost: the decisions without an effect, and a probe for each.
SELECT d.approval_id
FROM security_approval_decision d
CROSS JOIN LATERAL (SELECT count(*) AS failures, max(t.attempted_at) AS last FROM security_approval_attempt t WHERE t.approval_id = d.approval_id) tried
WHERE d.decision IN ('approved', 'not_needed')
  AND NOT EXISTS (SELECT FROM security_approval_effect e WHERE e.approval_id = d.approval_id)
  AND coalesce(tried.last, d.decided_at)
      < %(now)s - make_interval(secs => %(late_seconds)s * power(2, greatest(tried.failures - 1, 0)))
ORDER BY d.approval_id LIMIT %(rows_limit)s
