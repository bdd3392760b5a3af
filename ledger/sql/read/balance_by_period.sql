-- The movements of an account by effective day, week or month, and the balance before the first. For a chart.
-- Inputs: book, account, since and until (days, until exclusive), step ('day', 'week', 'month').
-- Invariant: I10 up to the book's progress; what came after it is not in here. Cost: one row for each day with movement.
SELECT (SELECT coalesce(sum(t.increments - t.decrements), 0) FROM ledger_turnover t
        WHERE t.book_id = %(book)s AND t.account_id = %(account)s AND t.effective_on < %(since)s),
       moved.starts_on, moved.increments, moved.decrements
FROM (SELECT 1) one LEFT JOIN (
  SELECT date_trunc(%(step)s, t.effective_on::timestamp)::date AS starts_on, sum(t.increments) AS increments, sum(t.decrements) AS decrements
  FROM ledger_turnover t
  WHERE t.book_id = %(book)s AND t.account_id = %(account)s AND t.effective_on >= %(since)s AND t.effective_on < %(until)s
  GROUP BY 1) moved ON true
ORDER BY moved.starts_on
