-- How many counts of a book's records differ from the tables, up to where they are counted. Input: book. It is 0, or there is a defect.
-- Invariant: I60; one snapshot for counts and tables. Cost: reads the book once.
SELECT count(*) FROM ledger_record_count c
WHERE c.book_id IN (0, %(book)s) AND c.records <> CASE c.repository
  WHEN 'operations' THEN (SELECT count(*) FROM ledger_operation o WHERE o.book_id = c.book_id AND o.id <= c.upto)
  WHEN 'keys' THEN (SELECT count(*) FROM ledger_operation_key k WHERE k.book_id = c.book_id AND k.operation_id <= c.upto)
  WHEN 'entries' THEN (SELECT count(*) FROM ledger_entry e WHERE e.book_id = c.book_id AND e.id <= c.upto)
  WHEN 'snapshots' THEN (SELECT count(*) FROM ledger_snapshot s WHERE s.book_id = c.book_id)
  WHEN 'turnover' THEN (SELECT count(*) FROM ledger_turnover t WHERE t.book_id = c.book_id)
  WHEN 'accounts' THEN (SELECT count(*) FROM accounts_account a WHERE a.book_id = c.book_id AND a.id <= c.upto)
  WHEN 'account_changes' THEN (SELECT count(*) FROM accounts_account_change a WHERE a.book_id = c.book_id AND a.id <= c.upto)
  WHEN 'marks' THEN (SELECT count(*) FROM ledger_mark m WHERE m.id <= c.upto)
  ELSE c.records END
