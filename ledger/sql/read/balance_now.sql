-- The balance of one account with what the grid needs to keep it: newest snapshot, and the entries above it (balance_tail_v1.sql).
-- Inputs: most entries, book, account.
-- Invariant: I10. Cost: two index probes and the tail.
-- as_of is the start of the statement's transaction: all that was committed by then is counted.
SELECT a.floor, t.base, t.mark, t.amount, t.ids, t.amounts, now() AS as_of
FROM accounts_account a CROSS JOIN LATERAL ledger_balance_tail_v1(a.book_id, a.id, %b::int) t
WHERE a.book_id = %b AND a.id = %b
