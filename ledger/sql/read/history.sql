-- One page of an account's entries in recorded order, newest first, each with the balance after it.
-- Inputs: book, account, after and before (entry ids, exclusive; the period's own bounds are in them, see period.sql), since and until
--         (moments, half-open, may be null), rows. The bounds are plain values, so the planner reads the index in order and stops.
-- Invariants: I9 for the bounds of the period, I10 for the running balance. Keyset on the entry id.
-- Cost: one range of the account's index, one balance; the same for the first page and the millionth.
WITH page AS MATERIALIZED (
  SELECT e.id, e.operation_id, e.amount, e.recorded_at, e.effective_at FROM ledger_entry e
  WHERE e.book_id = %(book)s AND e.account_id = %(account)s AND e.id > %(after)s AND e.id < %(before)s
    AND (%(since)s::timestamptz IS NULL OR e.recorded_at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR e.recorded_at < %(until)s)
  ORDER BY e.id {direction} LIMIT %(rows)s),
ends AS (SELECT min(page.id) AS low, max(page.id) AS high FROM page),
running AS (
  SELECT e.id, sum(e.amount) OVER (ORDER BY e.id) AS amount FROM ledger_entry e, ends
  WHERE e.book_id = %(book)s AND e.account_id = %(account)s AND e.id BETWEEN ends.low AND ends.high),
-- Materialized, or the balance would be taken for each row.
start AS MATERIALIZED (SELECT ledger_balance_v1(%(book)s, %(account)s, ends.low - 1) AS balance FROM ends)
SELECT page.id, page.operation_id, o.key, page.amount, start.balance + running.amount, page.recorded_at, page.effective_at
FROM start, page
JOIN running ON running.id = page.id
CROSS JOIN LATERAL (SELECT x.key FROM ledger_operation x WHERE x.book_id = %(book)s AND x.id = page.operation_id OFFSET 0) o
ORDER BY page.id {direction}
