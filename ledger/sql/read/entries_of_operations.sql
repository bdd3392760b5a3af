-- The entries of operations, in order, with what their accounts are. Inputs: book, operation ids.
-- Cost: for each operation one narrow range of the entry's key (entry_first to entry_last).
-- Written as probes (LATERAL with OFFSET 0): in a book that the statistics do not know, joins would read all of it.
SELECT e.operation_id, e.id, a.id, a.code, u.code, u.exponent, e.amount
FROM unnest(%s::bigint[]) wanted(id)
CROSS JOIN LATERAL (SELECT x.id, x.book_id, x.entry_first, x.entry_last FROM ledger_operation x
                    WHERE x.book_id = %s AND x.id = wanted.id OFFSET 0) o
CROSS JOIN LATERAL (SELECT x.id, x.book_id, x.operation_id, x.account_id, x.amount FROM ledger_entry x
                    WHERE x.book_id = o.book_id AND x.id BETWEEN o.entry_first AND o.entry_last AND x.operation_id = o.id OFFSET 0) e
CROSS JOIN LATERAL (SELECT x.id, x.code, x.unit_id FROM accounts_account x
                    WHERE x.book_id = e.book_id AND x.id = e.account_id OFFSET 0) a
JOIN accounts_unit u ON u.id = a.unit_id
ORDER BY e.operation_id, e.id
