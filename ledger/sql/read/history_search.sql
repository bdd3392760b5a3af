-- One step through an account's entries, newest or oldest first, that keeps those a person asked for, each with the balance after it.
-- Inputs: book, account, after and before (entry ids, exclusive), looks (how many entries to look through), rows (how many to keep), and
--         filters that may be null: since and until (recorded), effective_since and effective_until (all half-open), least and most
--         (size of the amount, minor units), sign (1 or -1), source, key with the sources it may be of, metadata; by_operation says whether one of the last three is given.
-- Result: the kept rows; the last entry looked through (in the direction) and how many were, beside each. Without a row: one line of both.
-- Invariant: I10 for the running balance, which is the account's own and not that of the kept rows. Keyset on the entry id.
-- Cost: bounded by `looks`, never by the account: one range of its index, one balance, and for by_operation one probe for each entry;
--       with a key only the entries of its operations are looked at.
WITH looked AS MATERIALIZED (
  SELECT e.id, e.operation_id, e.amount, e.recorded_at, e.effective_at FROM ledger_entry e
  WHERE e.book_id = %(book)s AND e.account_id = %(account)s AND e.id > %(after)s AND e.id < %(before)s
    AND (%(key)s::text IS NULL OR e.id = ANY (ARRAY(
          SELECT x.id FROM ledger_operation_key k -- the entries of the operations of this key, and no others of the account
          JOIN ledger_operation n ON n.book_id = k.book_id AND n.id = k.operation_id
          CROSS JOIN LATERAL generate_series(n.entry_first, n.entry_last) x(id)
          WHERE k.book_id = %(book)s AND k.source_id = ANY (%(sources)s::bigint[]) AND k.key = %(key)s)))
  ORDER BY e.id {direction} LIMIT %(looks)s),
page AS MATERIALIZED (
  SELECT l.* FROM looked l
  WHERE (%(since)s::timestamptz IS NULL OR l.recorded_at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR l.recorded_at < %(until)s)
    AND (%(effective_since)s::timestamptz IS NULL OR l.effective_at >= %(effective_since)s)
    AND (%(effective_until)s::timestamptz IS NULL OR l.effective_at < %(effective_until)s)
    AND (%(sign)s::integer IS NULL OR sign(l.amount) = %(sign)s)
    AND (%(least)s::numeric IS NULL OR abs(l.amount) >= %(least)s) AND (%(most)s::numeric IS NULL OR abs(l.amount) <= %(most)s)
    AND (NOT %(by_operation)s OR EXISTS (
          SELECT FROM ledger_operation x WHERE x.book_id = %(book)s AND x.id = l.operation_id
            AND (%(source)s::bigint IS NULL OR x.source_id = %(source)s) AND (%(key)s::text IS NULL OR x.key = %(key)s)
            AND (%(metadata)s::jsonb IS NULL OR x.metadata @> %(metadata)s) OFFSET 0))
  ORDER BY l.id {direction} LIMIT %(rows)s),
ends AS (SELECT min(page.id) AS low, max(page.id) AS high FROM page),
running AS (
  SELECT e.id, sum(e.amount) OVER (ORDER BY e.id) AS amount FROM ledger_entry e, ends
  WHERE e.book_id = %(book)s AND e.account_id = %(account)s AND e.id BETWEEN ends.low AND ends.high),
start AS MATERIALIZED (SELECT ledger_balance_v1(%(book)s, %(account)s, ends.low - 1) AS balance FROM ends),
walked AS (SELECT min(l.id) AS low, max(l.id) AS high, count(*) AS entries FROM looked l)
SELECT walked.low, walked.high, walked.entries, kept.*
FROM walked LEFT JOIN (
  SELECT page.id, page.operation_id, o.key, page.amount, start.balance + running.amount AS balance, page.recorded_at, page.effective_at,
         o.source_id, o.kind, o.message, o.metadata
  FROM start, page
  JOIN running ON running.id = page.id
  CROSS JOIN LATERAL (
    SELECT x.key, x.source_id, x.kind, x.metadata, x.message
    FROM ledger_operation x WHERE x.book_id = %(book)s AND x.id = page.operation_id OFFSET 0) o) kept ON true
ORDER BY kept.id {direction}
