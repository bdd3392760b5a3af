-- Forecast: accounts that the good rows, in their order and with nothing else happening, would take below their floor.
-- Inputs:    id, book, limit.
-- Result:    code, unit, exponent, balance now, lowest balance on the way, floor (minor units), the first line that would be refused.
-- Cost:      a sort of the rows of accounts with a floor, and one balance for each of these that loses anything.
WITH moves AS (
  SELECT a.code, a.account_id, a.unit, a.exponent, a.floor, r.line, r."row",
         (CASE WHEN r.to_account IS NULL THEN r.amount ELSE -r.amount END) * power(10::numeric, a.exponent) AS minor
  FROM massops_staged_account a JOIN massops_staged_row r ON r.mass_operation_id = %(id)s AND r.account = a.code
  WHERE a.mass_operation_id = %(id)s AND a.floor IS NOT NULL
    AND NOT EXISTS (SELECT FROM massops_rowproblem p WHERE p.mass_operation_id = %(id)s AND p."row" = r."row")
  UNION ALL
  SELECT a.code, a.account_id, a.unit, a.exponent, a.floor, r.line, r."row", r.amount * power(10::numeric, a.exponent)
  FROM massops_staged_account a JOIN massops_staged_row r ON r.mass_operation_id = %(id)s AND r.to_account = a.code
  WHERE a.mass_operation_id = %(id)s AND a.floor IS NOT NULL
    AND NOT EXISTS (SELECT FROM massops_rowproblem p WHERE p.mass_operation_id = %(id)s AND p."row" = r."row")),
running AS (
  SELECT m.*, sum(m.minor) OVER (PARTITION BY m.account_id ORDER BY m."row") AS so_far FROM moves m),
lowest AS (
  SELECT r.code, r.account_id, r.unit, r.exponent, r.floor, min(r.so_far) AS so_far FROM running r
  GROUP BY r.code, r.account_id, r.unit, r.exponent, r.floor HAVING min(r.so_far) < 0),
now AS (
  SELECT l.*, public.ledger_balance_v1(%(book)s, l.account_id) AS balance FROM lowest l)
SELECT n.code, n.unit, n.exponent, n.balance, n.balance + n.so_far, n.floor,
       (SELECT min(r.line) FROM running r WHERE r.account_id = n.account_id AND n.balance + r.so_far < n.floor)
FROM now n WHERE n.balance + n.so_far < n.floor ORDER BY n.code LIMIT %(limit)s
