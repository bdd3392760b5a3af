-- The balance of one account over the entries effective strictly before a moment, back-dated ones included.
-- Inputs: book, account, moment. Invariant: I10: turnover holds every entry up to the book's progress, the rest is the tail.
-- Cost: one row for each day with movement, the entries of the moment's own day, and the tail.
WITH done AS (
  SELECT coalesce((SELECT p.entry_id FROM ledger_progress p WHERE p.book_id = %(book)s), 0) AS entry_id,
         (%(moment)s::timestamptz AT TIME ZONE 'UTC')::date AS day,
         -- The day whose entries must be looked at one by one; at midnight there is none.
         CASE WHEN (%(moment)s::timestamptz AT TIME ZONE 'UTC')::time <> '00:00' THEN (%(moment)s::timestamptz AT TIME ZONE 'UTC')::date END AS part)
SELECT coalesce((SELECT sum(t.increments - t.decrements) FROM ledger_turnover t
                 WHERE t.book_id = %(book)s AND t.account_id = %(account)s AND t.effective_on < done.day), 0)
     + coalesce((SELECT sum(e.amount) FROM ledger_turnover t JOIN ledger_entry e
                   ON e.book_id = t.book_id AND e.account_id = t.account_id AND e.id BETWEEN t.first_entry AND t.last_entry
                 WHERE t.book_id = %(book)s AND t.account_id = %(account)s AND t.effective_on = done.part
                   AND (e.effective_at AT TIME ZONE 'UTC')::date = done.day AND e.effective_at < %(moment)s AND e.id <= done.entry_id), 0)
     + coalesce((SELECT sum(e.amount) FROM ledger_entry e
                 WHERE e.book_id = %(book)s AND e.account_id = %(account)s AND e.id > done.entry_id AND e.effective_at < %(moment)s), 0),
       now() AS as_of
FROM done
