-- How many locks posting all rows in one transaction would hold until its end: one for each gated account that a row takes from, and one
-- for each operation to reverse.
-- Inputs:    id, book.
-- Cost:      one pass over the staged rows, and one probe for each account that loses.
SELECT (SELECT count(*)
        FROM (SELECT s.account AS code FROM massops_staged_row s
              WHERE s.mass_operation_id = %(id)s AND CASE WHEN s.to_account IS NULL THEN s.amount < 0 ELSE s.amount > 0 END
              UNION
              SELECT s.to_account FROM massops_staged_row s
              WHERE s.mass_operation_id = %(id)s AND s.to_account IS NOT NULL AND s.amount < 0) loser
        CROSS JOIN LATERAL (SELECT FROM accounts_account x
                            WHERE x.book_id = %(book)s AND x.code = loser.code AND x.gated OFFSET 0) a)
     + (SELECT count(r.reverses) FROM massops_staged_row r WHERE r.mass_operation_id = %(id)s)
