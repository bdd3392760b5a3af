-- ledger_balance_v1: the balance of an account over its entries with id at or below p_upto: newest snapshot at or before it, and the tail.
-- Invariant: I10; the sum is over what the calling statement's snapshot sees.
-- Cost:      an index probe for the snapshot and an index-only scan of the tail (at most about the aggregator's threshold).
CREATE FUNCTION public.ledger_balance_v1(p_book integer, p_account bigint, p_upto bigint DEFAULT 9223372036854775807) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(base.balance, 0) + coalesce((
           SELECT sum(e.amount) FROM public.ledger_entry e
           WHERE e.book_id = p_book AND e.account_id = p_account AND e.id > coalesce(base.entry_id, 0) AND e.id <= p_upto), 0)
  FROM (SELECT 1) one
  LEFT JOIN LATERAL (SELECT s.entry_id, s.balance FROM public.ledger_snapshot s
                     WHERE s.book_id = p_book AND s.account_id = p_account AND s.entry_id <= p_upto
                     ORDER BY s.entry_id DESC LIMIT 1) base ON true
$$;
