-- Keys of a range of rows that the ledger has already, of the same source: such a row was posted before, or would be refused as another.
-- Inputs:    id, book, source; first and last row; the name of the key's column.
-- Cost:      one probe of the key's index for each row.
INSERT INTO massops_rowproblem (mass_operation_id, "row", line, "column", code, sentence, by_check)
SELECT %(id)s, r."row", r.line, %(key_column)s, 'key_exists', format('The key %%s was used before, by operation %%s.', r.key, k.operation_id), true
FROM massops_staged_row r
CROSS JOIN LATERAL (SELECT x.operation_id FROM ledger_operation_key x
                    WHERE x.book_id = %(book)s AND x.source_id = %(source)s AND x.key = r.key OFFSET 0) k
WHERE r.mass_operation_id = %(id)s AND r."row" BETWEEN %(first)s AND %(last)s
