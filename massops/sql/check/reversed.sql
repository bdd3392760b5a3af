-- Operations to reverse that were reversed before.
-- Inputs:    id, book; first and last row.
-- Cost:      one probe of the key's index for each row.
INSERT INTO massops_rowproblem (mass_operation_id, "row", line, "column", code, sentence, by_check)
SELECT %(id)s, r."row", r.line, '', 'already_reversed', format('Operation %%s was reversed before, by operation %%s.', r.reverses, k.operation_id), true
FROM massops_staged_row r
CROSS JOIN LATERAL (SELECT x.operation_id FROM ledger_operation_key x
                    WHERE x.book_id = %(book)s AND x.source_id = 0 AND x.key = 'reversal:' || r.reverses OFFSET 0) k
WHERE r.mass_operation_id = %(id)s AND r."row" BETWEEN %(first)s AND %(last)s
