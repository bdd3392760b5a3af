-- Between which entry ids an account's entries of some effective days lie, and the progress above which entries are not in turnover yet.
-- Inputs: book, account, since and until (days, inclusive, may be null). Invariant: I10. Cost: one row for each day with movement.
SELECT min(t.first_entry), max(t.last_entry), (SELECT coalesce(max(p.entry_id), 0) FROM ledger_progress p WHERE p.book_id = %(book)s)
FROM ledger_turnover t
WHERE t.book_id = %(book)s AND t.account_id = %(account)s
  AND (%(since)s::date IS NULL OR t.effective_on >= %(since)s) AND (%(until)s::date IS NULL OR t.effective_on <= %(until)s)
