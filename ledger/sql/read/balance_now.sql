-- The balance of one account with what the grid needs to keep it: newest snapshot, and the entries above it.
-- Inputs: book, account. Invariant: I10. Cost: two index probes and the tail.
-- as_of is the start of the statement's transaction: all that was committed by then is counted.
SELECT a.floor, coalesce(base.balance, 0) AS base, coalesce(base.entry_id, 0) AS mark,
       coalesce(tail.ids, '{}') AS ids, coalesce(tail.amounts, '{}') AS amounts, now() AS as_of
FROM accounts_account a
LEFT JOIN LATERAL (SELECT s.entry_id, s.balance FROM ledger_snapshot s
                   WHERE s.book_id = a.book_id AND s.account_id = a.id ORDER BY s.entry_id DESC LIMIT 1) base ON true
LEFT JOIN LATERAL (SELECT array_agg(e.id) AS ids, array_agg(e.amount) AS amounts FROM ledger_entry e
                   WHERE e.book_id = a.book_id AND e.account_id = a.id AND e.id > coalesce(base.entry_id, 0)) tail ON true
WHERE a.book_id = %b AND a.id = %b
