-- One page of the operations that changed an account, newest first, with every filter that is not null.
-- Inputs: as operations.sql; after and before are entry ids: an operation stands at its last entry on the account.
-- Invariant: I9 for the bounds of the period, which are in after and before (period.sql). Cost: a range of the account's index, and two
--            probes for each entry of it until the page is full; written as probes (OFFSET 0), because in a book that the statistics do
--            not know the planner would rather join.
SELECT o.id, e.id AS position FROM ledger_entry e
CROSS JOIN LATERAL (SELECT x.* FROM ledger_operation x WHERE x.book_id = e.book_id AND x.id = e.operation_id OFFSET 0) o
LEFT JOIN LATERAL (SELECT later.id FROM ledger_entry later
                   WHERE later.book_id = e.book_id AND later.account_id = e.account_id AND later.id > e.id AND later.id <= o.entry_last
                     AND later.operation_id = e.operation_id LIMIT 1) again ON true
WHERE e.book_id = %(book)s AND e.account_id = %(account)s AND e.id > %(after)s AND e.id < %(before)s
  AND again.id IS NULL
  AND (%(source)s::bigint IS NULL OR o.source_id = %(source)s)
  AND (%(key)s::text IS NULL OR (o.key = %(key)s AND e.id = ANY (ARRAY(
        SELECT x.id FROM ledger_operation_key k -- the entries of the operations of this key, and no others of the account
        JOIN ledger_operation n ON n.book_id = k.book_id AND n.id = k.operation_id
        CROSS JOIN LATERAL generate_series(n.entry_first, n.entry_last) x(id)
        WHERE k.book_id = %(book)s AND k.source_id = ANY (%(sources)s::bigint[]) AND k.key = %(key)s))))
  AND (%(kind)s::text IS NULL OR o.kind = %(kind)s)
  AND (%(since)s::timestamptz IS NULL OR o.recorded_at >= %(since)s) AND (%(until)s::timestamptz IS NULL OR o.recorded_at < %(until)s)
  AND (%(metadata)s::jsonb IS NULL OR o.metadata @> %(metadata)s)
ORDER BY e.id {direction} LIMIT %(rows)s
