-- The balance of one account over the entries recorded strictly before a moment.
-- Inputs: book, account, moment. Invariants: I9, I10.
--   Everything at or below a mark closed by the moment was recorded before it; everything above a mark taken at or after it was not.
--   Only the ids between the two are looked at one by one.
-- Cost: two probes for the marks, a snapshot, a tail, and the account's entries of about a second.
WITH bound AS MATERIALIZED (
  SELECT coalesce((SELECT m.entry_id FROM ledger_mark m WHERE m.closed_at <= %(moment)s ORDER BY m.closed_at DESC LIMIT 1), 0) AS low,
         coalesce((SELECT m.entry_id FROM ledger_mark m WHERE m.taken_at >= %(moment)s ORDER BY m.taken_at LIMIT 1), 9223372036854775807) AS high)
SELECT ledger_balance_v1(%(book)s, %(account)s, bound.low) + coalesce((
         SELECT sum(e.amount) FROM ledger_entry e
         WHERE e.book_id = %(book)s AND e.account_id = %(account)s AND e.id > bound.low AND e.id <= bound.high AND e.recorded_at < %(moment)s), 0),
       now() AS as_of
FROM bound
