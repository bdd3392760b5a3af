-- Sums of the good rows by unit, in minor units.
-- Inputs:    id.
-- Result:    unit, exponent, rows, sum, smallest, largest, sum of increments, sum of decrements.
-- Cost:      one pass over the staged rows.
SELECT t.unit, t.exponent, t.rows, t.total * s.scale, t.low * s.scale, t.high * s.scale, t.plus * s.scale, t.minus * s.scale
FROM (SELECT a.unit, min(a.exponent) AS exponent, count(*) AS rows, sum(r.amount) AS total, min(r.amount) AS low, max(r.amount) AS high,
             coalesce(sum(r.amount) FILTER (WHERE r.amount > 0), 0) AS plus, coalesce(sum(r.amount) FILTER (WHERE r.amount < 0), 0) AS minus
      FROM massops_staged_row r
      JOIN massops_staged_account a ON a.mass_operation_id = %(id)s AND a.code = r.account
      WHERE r.mass_operation_id = %(id)s AND a.account_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM massops_rowproblem p WHERE p.mass_operation_id = %(id)s AND p."row" = r."row")
      GROUP BY a.unit) t
CROSS JOIN LATERAL (SELECT power(10::numeric, t.exponent) AS scale) s
ORDER BY t.unit
