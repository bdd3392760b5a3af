-- ledger_balance_tail_v1: what the grid needs to keep an account's balance: the newest snapshot (base, mark) and the entries above it.
-- Inputs:    book; account; most entries. Where there are more above the snapshot, their sum comes alone.
-- Invariant: I10; over what the calling statement's snapshot sees. Cost: as ledger_balance_v1.
CREATE OR REPLACE FUNCTION public.ledger_balance_tail_v1(
  p_book integer, p_account bigint, p_entries integer, OUT base numeric, OUT mark bigint, OUT amount numeric, OUT ids bigint[], OUT amounts numeric[])
LANGUAGE plpgsql STABLE PARALLEL SAFE SET plan_cache_mode = force_generic_plan AS $$
DECLARE entries bigint;
BEGIN
  SELECT s.entry_id, s.balance INTO mark, base FROM public.ledger_snapshot s
  WHERE s.book_id = p_book AND s.account_id = p_account ORDER BY s.entry_id DESC LIMIT 1;
  mark := coalesce(mark, 0);
  base := coalesce(base, 0);
  SELECT count(*), coalesce(sum(e.amount), 0), coalesce(array_agg(e.id), '{}'), coalesce(array_agg(e.amount::numeric), '{}')
    INTO entries, amount, ids, amounts
  FROM public.ledger_entry e WHERE e.book_id = p_book AND e.account_id = p_account AND e.id > mark;
  IF entries > p_entries THEN
    ids := NULL;
    amounts := NULL;
  END IF;
END $$;
