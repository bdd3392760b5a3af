-- One page of operations, newest first, with every filter that is not null.
-- Inputs: book, after and before (operation ids, exclusive), source, key with the sources it may be of, outcome, kind, since and until (half-open), metadata, account, rows.
--   An account here finds the refused operations that would have changed it; see operations_of_account.sql for the accepted ones.
-- Invariant: I9 for the bounds of the period, which are in after and before (period.sql). Cost: a range of the key, or of the index of metadata or refused accounts.
SELECT o.id, o.id AS position FROM ledger_operation o
WHERE o.book_id = %(book)s AND o.id > %(after)s AND o.id < %(before)s
  AND (%(source)s::bigint IS NULL OR o.source_id = %(source)s)
  AND (%(key)s::text IS NULL OR (o.key = %(key)s AND o.id = ANY (ARRAY(
        SELECT k.operation_id FROM ledger_operation_key k -- an array, so that the ids are looked up and never a range of operations
        WHERE k.book_id = %(book)s AND k.source_id = ANY (%(sources)s::bigint[]) AND k.key = %(key)s))))
  AND (%(outcome)s::text IS NULL OR o.outcome = %(outcome)s)
  AND (%(kind)s::text IS NULL OR o.kind = %(kind)s)
  AND (%(since)s::timestamptz IS NULL OR o.recorded_at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR o.recorded_at < %(until)s)
  AND (%(metadata)s::jsonb IS NULL OR o.metadata @> %(metadata)s)
  AND (%(account)s::bigint IS NULL OR o.refused_accounts @> ARRAY[%(account)s::bigint])
ORDER BY o.id {direction} LIMIT %(rows)s
