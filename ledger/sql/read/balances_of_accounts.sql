-- The balance and the last entry's time of each of a page of accounts. Inputs: book, account ids.
-- Invariant: I10. Cost: for each account a balance (a snapshot and its tail) and one probe from the end of its index.
SELECT wanted.id, ledger_balance_v1(%(book)s, wanted.id), last.recorded_at
FROM unnest(%(accounts)s::bigint[]) wanted(id)
LEFT JOIN LATERAL (SELECT e.recorded_at FROM ledger_entry e WHERE e.book_id = %(book)s AND e.account_id = wanted.id
                   ORDER BY e.id DESC LIMIT 1) last ON true
