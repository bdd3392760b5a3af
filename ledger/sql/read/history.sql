-- One page of an account's entries in recorded order, newest first, each with the balance after it.
-- Inputs: book, account, since and until (moments, half-open, may be null), after and before (entry ids, exclusive), rows.
-- Invariants: I9 for the bounds of the period (see balance_recorded.sql), I10 for the running balance. Keyset on the entry id.
-- Cost: one range of the account's index, one balance; the same for the first page and the millionth.
WITH bound AS (
  SELECT greatest(%(after)s::bigint, coalesce((SELECT m.entry_id FROM ledger_mark m WHERE m.closed_at <= %(since)s ORDER BY m.closed_at DESC LIMIT 1), 0)) AS low,
         least(%(before)s::bigint - 1, coalesce((SELECT m.entry_id FROM ledger_mark m WHERE m.taken_at >= %(until)s ORDER BY m.taken_at LIMIT 1), 9223372036854775807)) AS high),
page AS MATERIALIZED (
  SELECT e.id, e.operation_id, e.amount, e.recorded_at, e.effective_at FROM ledger_entry e, bound
  WHERE e.book_id = %(book)s AND e.account_id = %(account)s AND e.id > bound.low AND e.id <= bound.high
    AND (%(since)s::timestamptz IS NULL OR e.recorded_at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR e.recorded_at < %(until)s)
  ORDER BY e.id {direction} LIMIT %(rows)s),
ends AS (SELECT min(page.id) AS low, max(page.id) AS high FROM page),
running AS (
  SELECT e.id, sum(e.amount) OVER (ORDER BY e.id) AS amount FROM ledger_entry e, ends
  WHERE e.book_id = %(book)s AND e.account_id = %(account)s AND e.id BETWEEN ends.low AND ends.high)
SELECT page.id, page.operation_id, o.key, page.amount, ledger.before + running.amount, page.recorded_at, page.effective_at
FROM (SELECT ledger_balance_v1(%(book)s, %(account)s, ends.low - 1) AS before FROM ends) ledger, page
JOIN running ON running.id = page.id
JOIN ledger_operation o ON o.book_id = %(book)s AND o.id = page.operation_id
ORDER BY page.id {direction}
