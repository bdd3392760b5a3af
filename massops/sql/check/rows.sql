-- What the ledger would say against each staged row of a range, by its accounts and the sender's grants: unknown, closed, frozen, another
-- unit, too many decimals, an account or an amount that the sender may not.
-- Inputs:    id; first and last row; the names of the columns, for the people who read it.
-- Result:    errors are inserted; nothing else is touched.
-- Cost:      one pass over the range, hashed against the accounts.
INSERT INTO massops_rowproblem (mass_operation_id, "row", line, "column", code, sentence, by_check)
SELECT %(id)s, r."row", r.line, found.col, found.code, found.sentence, true
FROM massops_staged_row r
JOIN massops_staged_account a ON a.mass_operation_id = %(id)s AND a.code = r.account
LEFT JOIN massops_staged_account t ON t.mass_operation_id = %(id)s AND t.code = r.to_account
CROSS JOIN LATERAL (SELECT (r.to_account IS NULL) = (r.amount < 0) AS takes) way -- from `account`; then `to_account` gets it, and else the reverse
CROSS JOIN LATERAL (
  SELECT CASE WHEN takes THEN a.may_take ELSE a.may_add END AS may, CASE WHEN takes THEN a.take_max ELSE a.add_max END AS most,
         CASE WHEN takes THEN t.may_add ELSE t.may_take END AS may_to, CASE WHEN takes THEN t.add_max ELSE t.take_max END AS most_to) bound
CROSS JOIN LATERAL (
  SELECT %(account_column)s AS col, 'account_unknown' AS code, format('There is no account %%s in this book.', r.account) AS sentence
    WHERE a.account_id IS NULL AND a.status IS NULL
  UNION ALL SELECT %(to_column)s, 'account_unknown', format('There is no account %%s in this book.', r.to_account)
    WHERE r.to_account IS NOT NULL AND t.account_id IS NULL AND t.status IS NULL
  UNION ALL SELECT %(account_column)s, CASE a.status WHEN 'frozen' THEN 'account_frozen' WHEN 'forbidden' THEN 'forbidden_account' ELSE 'account_closed' END,
                   format(CASE a.status WHEN 'forbidden' THEN 'The sender may not use the account %%1$s.' ELSE 'The account %%1$s is %%2$s.' END, r.account, a.status)
    WHERE a.status <> 'open'
  UNION ALL SELECT %(to_column)s, CASE t.status WHEN 'frozen' THEN 'account_frozen' WHEN 'forbidden' THEN 'forbidden_account' ELSE 'account_closed' END,
                   format(CASE t.status WHEN 'forbidden' THEN 'The sender may not use the account %%1$s.' ELSE 'The account %%1$s is %%2$s.' END, r.to_account, t.status)
    WHERE t.status <> 'open'
  UNION ALL SELECT %(unit_column)s, 'unit_mismatch', format('The row says %%s, the account %%s has %%s.', r.unit, r.account, a.unit)
    WHERE r.unit <> a.unit
  UNION ALL SELECT %(unit_column)s, 'unbalanced', format('%%s has %%s and %%s has %%s: a transfer has one unit.', r.account, a.unit, r.to_account, t.unit)
    WHERE t.unit <> a.unit
  UNION ALL SELECT %(amount_column)s, 'amount_scale', format('%%s has %%s decimals or too many digits for %%s.', r.amount, scale(r.amount), a.unit)
    WHERE scale(r.amount) > a.exponent OR abs(r.amount) >= power(10::numeric, 38 - a.exponent)
  UNION ALL SELECT %(account_column)s, 'forbidden_account', format('The sender may not %%s the account %%s.', CASE WHEN takes THEN 'take from' ELSE 'add to' END, r.account)
    WHERE NOT bound.may AND a.status IS DISTINCT FROM 'forbidden'
  UNION ALL SELECT %(to_column)s, 'forbidden_account', format('The sender may not %%s the account %%s.', CASE WHEN takes THEN 'add to' ELSE 'take from' END, r.to_account)
    WHERE NOT bound.may_to AND t.status IS DISTINCT FROM 'forbidden'
  UNION ALL SELECT %(amount_column)s, 'limit_exceeded', format('The sender may move at most %%s %%s at once there.', least(bound.most, bound.most_to), a.unit)
    WHERE abs(r.amount) > least(bound.most, bound.most_to)
) found
WHERE r.mass_operation_id = %(id)s AND r."row" BETWEEN %(first)s AND %(last)s
  AND (a.account_id IS NULL OR (r.to_account IS NOT NULL AND t.account_id IS NULL) OR a.status <> 'open' OR t.status <> 'open'
       OR r.unit <> a.unit OR t.unit <> a.unit OR scale(r.amount) > a.exponent OR abs(r.amount) >= power(10::numeric, 38 - a.exponent)
       OR NOT bound.may OR NOT bound.may_to OR abs(r.amount) > least(bound.most, bound.most_to))
