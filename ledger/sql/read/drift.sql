-- How many snapshots and how many days of turnover of a book differ from its entries. Input: book. Both are 0, or there is a defect.
-- Each snapshot is compared with the one before it and the entries between the two. Invariant: I10. Cost: reads the book twice.
WITH entry AS (
  SELECT e.account_id, e.id, e.amount, (e.effective_at AT TIME ZONE 'UTC')::date AS effective_on FROM ledger_entry e WHERE e.book_id = %(book)s),
summed AS (
  SELECT s.balance, (SELECT coalesce(sum(e.amount), 0) FROM ledger_entry e
                     WHERE e.book_id = %(book)s AND e.account_id = s.account_id AND e.id > coalesce(s.before_id, 0) AND e.id <= s.entry_id)
                    + coalesce(s.before_balance, 0) AS expected
  FROM (SELECT n.*, lag(n.entry_id) OVER before AS before_id, lag(n.balance) OVER before AS before_balance
        FROM ledger_snapshot n WHERE n.book_id = %(book)s WINDOW before AS (PARTITION BY n.account_id ORDER BY n.entry_id)) s),
day AS (
  SELECT e.account_id, e.effective_on, coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0) AS increments,
         coalesce(-sum(e.amount) FILTER (WHERE e.amount < 0), 0) AS decrements,
         count(*) FILTER (WHERE e.amount > 0) AS increment_count, count(*) FILTER (WHERE e.amount < 0) AS decrement_count
  FROM entry e WHERE e.id <= coalesce((SELECT p.entry_id FROM ledger_progress p WHERE p.book_id = %(book)s), 0)
  GROUP BY e.account_id, e.effective_on)
SELECT (SELECT count(*) FROM summed WHERE summed.balance <> summed.expected),
       (SELECT count(*) FROM day FULL JOIN (SELECT * FROM ledger_turnover t WHERE t.book_id = %(book)s) t
          ON t.account_id = day.account_id AND t.effective_on = day.effective_on
        WHERE (day.increments, day.decrements, day.increment_count, day.decrement_count)
              IS DISTINCT FROM (t.increments, t.decrements, t.increment_count, t.decrement_count))
