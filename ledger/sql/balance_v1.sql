-- ledger_balance_v1: the balance of an account over its entries with id at or below p_upto: newest snapshot at or before it, and the tail.
-- Invariant: I10; the sum is over what the calling statement's snapshot sees.
-- Cost:      an index probe for the snapshot and an index-only scan of the tail (at most about the aggregator's threshold). The tail's ends
--            are parameters of a plan that is made once, so only the partitions between them are opened, however many there are.
CREATE OR REPLACE FUNCTION public.ledger_balance_v1(p_book integer, p_account bigint, p_upto bigint DEFAULT 9223372036854775807)
RETURNS numeric LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
DECLARE mark bigint; total numeric;
BEGIN
  SELECT s.entry_id, s.balance INTO mark, total FROM public.ledger_snapshot s
  WHERE s.book_id = p_book AND s.account_id = p_account AND s.entry_id <= p_upto ORDER BY s.entry_id DESC LIMIT 1;
  mark := coalesce(mark, 0);
  RETURN coalesce(total, 0) + coalesce((
    SELECT sum(e.amount) FROM public.ledger_entry e
    WHERE e.book_id = p_book AND e.account_id = p_account AND e.id > mark AND e.id <= p_upto), 0);
END $$;
