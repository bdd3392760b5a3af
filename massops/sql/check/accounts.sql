-- The accounts that staged rows name, with what the ledger knows of them.
-- Inputs:    id, book.
-- Invariant: one row for each code.
-- Cost:      one pass over the staged rows and one probe of an index for each code.
INSERT INTO massops_staged_account (mass_operation_id, code, account_id, unit, exponent, status, floor, rows, unit_stated)
SELECT %(id)s, named.code, a.id, a.unit, a.exponent, a.status, a.floor, named.rows, named.unit_stated
FROM (SELECT r.code, sum(r.rows) AS rows, min(r.unit_stated) AS unit_stated
      FROM (SELECT s.account AS code, count(*) AS rows, min(s.unit) AS unit_stated FROM massops_staged_row s
            WHERE s.mass_operation_id = %(id)s GROUP BY 1
            UNION ALL
            SELECT s.to_account, count(*), min(s.unit) FROM massops_staged_row s
            WHERE s.mass_operation_id = %(id)s AND s.to_account IS NOT NULL GROUP BY 1) r
      GROUP BY r.code) named
LEFT JOIN LATERAL (SELECT x.id, u.code AS unit, u.exponent, x.status, x.floor
                   FROM accounts_account x JOIN accounts_unit u ON u.id = x.unit_id
                   WHERE x.book_id = %(book)s AND x.code = named.code OFFSET 0) a ON true
