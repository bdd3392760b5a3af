-- The limit of single postings: one row into a table like the ledger's entries, committed.
\set account random(:first_account, :last_account)
INSERT INTO bench.entry (book_id, operation_id, account_id, amount, effective_at) VALUES (:book, 1, :account, 100, now());
