-- The entries of some books' operations above one id up to another, in the order of operations, as an archive keeps them; with the code and the unit
-- of their accounts, so that the leaves can be made from the file alone. Inputs: books, two ids. Cost: one range of the entries' key for each operation.
SELECT e.operation_id, e.id, e.book_id, e.account_id, e.amount,
       to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded_at,
       to_char(e.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS effective_at,
       a.code AS account, u.code AS unit
FROM public.ledger_operation o
CROSS JOIN LATERAL (SELECT x.* FROM public.ledger_entry x
                    WHERE x.book_id = o.book_id AND x.id BETWEEN o.entry_first AND o.entry_last AND x.operation_id = o.id ORDER BY x.id OFFSET 0) e
JOIN public.accounts_account a ON a.id = e.account_id
JOIN public.accounts_unit u ON u.id = a.unit_id
WHERE o.book_id = ANY (%s) AND o.id > %s AND o.id <= %s ORDER BY o.id, e.id
