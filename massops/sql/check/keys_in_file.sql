-- Keys that a file has more than once: every row but the first is an error.
-- Inputs:    id; the name of the key's column.
-- Cost:      one hashed pass over the keys; a second one only where there are such keys.
INSERT INTO massops_rowproblem (mass_operation_id, "row", line, "column", code, sentence, by_check)
SELECT %(id)s, r."row", r.line, %(key_column)s, 'key_twice', format('The key %%s stands on line %%s already.', r.key, f.line), true
FROM (SELECT s.key, min(s."row") AS first FROM massops_staged_row s WHERE s.mass_operation_id = %(id)s GROUP BY s.key HAVING count(*) > 1) twice
JOIN massops_staged_row r ON r.mass_operation_id = %(id)s AND r.key = twice.key AND r."row" > twice.first
JOIN massops_staged_row f ON f.mass_operation_id = %(id)s AND f."row" = twice.first
