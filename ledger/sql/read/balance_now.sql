-- The balance of one account with what the grid needs to keep it: newest snapshot, and the entries above it.
-- Inputs: book, account, most entries. Where there are more above the snapshot, their sum comes alone.
-- Invariant: I10. Cost: two index probes and the tail.
-- as_of is the start of the statement's transaction: all that was committed by then is counted.
SELECT a.floor, coalesce(base.balance, 0) AS base, coalesce(base.entry_id, 0) AS mark, coalesce(tail.amount, 0) AS amount,
       CASE WHEN tail.entries <= %b THEN coalesce(tail.ids, '{}') END AS ids,
       CASE WHEN tail.entries <= %b THEN coalesce(tail.amounts, '{}') END AS amounts, now() AS as_of
FROM accounts_account a
LEFT JOIN LATERAL (SELECT s.entry_id, s.balance FROM ledger_snapshot s
                   WHERE s.book_id = a.book_id AND s.account_id = a.id ORDER BY s.entry_id DESC LIMIT 1) base ON true
LEFT JOIN LATERAL (SELECT count(*) AS entries, sum(e.amount) AS amount, array_agg(e.id) AS ids, array_agg(e.amount::numeric) AS amounts
                   FROM ledger_entry e
                   WHERE e.book_id = a.book_id AND e.account_id = a.id AND e.id > coalesce(base.entry_id, 0)) tail ON true
WHERE a.book_id = %b AND a.id = %b
