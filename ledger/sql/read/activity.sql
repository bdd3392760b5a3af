-- How far operations had come at each of a row of moments, from marks. Inputs: since (a moment), step (seconds), steps.
-- Result: each moment and the value of the operations' sequence then: the difference of two is what was recorded between them in all
--         books (ids that a rolled-back call drew are counted too). Cost: one probe of the marks for each moment.
SELECT moment.at, coalesce(m.operation_id, 0)
FROM generate_series(0, %(steps)s) step(number)
CROSS JOIN LATERAL (SELECT %(since)s::timestamptz + make_interval(secs => step.number * %(step)s) AS at) moment
LEFT JOIN LATERAL (SELECT n.operation_id FROM ledger_mark n WHERE n.taken_at <= moment.at ORDER BY n.taken_at DESC LIMIT 1) m ON true
ORDER BY moment.at
