-- The entries of operations, in order, with what their accounts are. Inputs: book, operation ids.
-- Cost: for each operation one narrow range of the entry's key (entry_first to entry_last).
SELECT e.operation_id, e.id, a.id, a.code, u.code, u.exponent, e.amount
FROM unnest(%s::bigint[]) wanted(id)
JOIN ledger_operation o ON o.book_id = %s AND o.id = wanted.id
JOIN ledger_entry e ON e.book_id = o.book_id AND e.id BETWEEN o.entry_first AND o.entry_last AND e.operation_id = o.id
JOIN accounts_account a ON a.book_id = e.book_id AND a.id = e.account_id
JOIN accounts_unit u ON u.id = a.unit_id
ORDER BY e.operation_id, e.id
