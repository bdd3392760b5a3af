-- The next good rows of a mass operation, beyond its cursor.
-- Inputs:    id; rows after and up to.
-- Cost:      a range of the staged rows' index, and one probe of the errors for each row.
SELECT r."row", r.line, r.key, r.account, r.to_account, r.amount::text, r.unit, r.effective_at, r.description, r.metadata, r.reverses
FROM massops_staged_row r
WHERE r.mass_operation_id = %(id)s AND r."row" > %(after)s AND r."row" <= %(upto)s
  AND NOT EXISTS (SELECT FROM massops_rowproblem p WHERE p.mass_operation_id = %(id)s AND p."row" = r."row")
ORDER BY r."row"
