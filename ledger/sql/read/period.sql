-- The ids between which everything recorded in [since, until) lies. Inputs: since, until (moments, may be null).
-- Invariant: I9. What is at or below a mark closed by `since` was recorded before it; what is above a mark taken at or after `until` was
--            recorded at or after it. Cost: two probes of the marks.
SELECT coalesce(low.entry_id, 0), coalesce(high.entry_id + 1, 9223372036854775807),
       coalesce(low.operation_id, 0), coalesce(high.operation_id + 1, 9223372036854775807)
FROM (SELECT 1) one
LEFT JOIN (SELECT m.entry_id, m.operation_id FROM ledger_mark m WHERE m.closed_at <= %(since)s ORDER BY m.closed_at DESC LIMIT 1) low ON true
LEFT JOIN (SELECT m.entry_id, m.operation_id FROM ledger_mark m WHERE m.taken_at >= %(until)s ORDER BY m.taken_at LIMIT 1) high ON true
