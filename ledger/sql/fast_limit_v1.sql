-- ledger_set_fast_limit_v1: sets one account's fast debit limit (M of the gate) from its headroom; returns it.
-- Inputs:    book, account. A limit that a person fixed stays.
-- Invariant: I11. The limit changes under the account's exclusive lock, so no decrement that was let through by the old one is in
--            flight. M = headroom / 2C: the fast way stays open until half of the headroom is gone, then the next run sets it anew.
-- Waits:     for the decrements of this account under way, and they for it, for about a millisecond.
CREATE FUNCTION public.ledger_set_fast_limit_v1(p_book integer, p_account bigint) RETURNS numeric
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  posters CONSTANT bigint := current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint;
  account accounts_account; target numeric;
BEGIN
  PERFORM pg_advisory_xact_lock(p_account);
  SELECT * INTO STRICT account FROM accounts_account a WHERE a.book_id = p_book AND a.id = p_account;
  IF account.fast_debit_fixed OR account.floor IS NULL THEN RETURN account.fast_debit_limit; END IF;
  target := floor((ledger_balance_v1(p_book, p_account) - account.floor) / (2 * posters));
  target := CASE WHEN target >= 1 THEN least(target, 10::numeric ^ 38 - 1) END;
  UPDATE accounts_account a SET fast_debit_limit = target WHERE a.book_id = p_book AND a.id = p_account;
  RETURN target;
END $$;

-- ledger_fast_limits_due_v1: the accounts with a floor that were decremented between two entry ids and whose limit is off by more
-- than half. Inputs: book, the two ids, at most how many. Cost: a range of entries, one balance for each account found there.
CREATE FUNCTION public.ledger_fast_limits_due_v1(p_book integer, p_from bigint, p_to bigint, p_rows integer) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT touched.id FROM (
    SELECT a.id, coalesce(a.fast_debit_limit, 0) AS fast_limit,
           floor((ledger_balance_v1(p_book, a.id) - a.floor) / (2 * (
             current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint))) AS target
    FROM (SELECT DISTINCT e.account_id FROM ledger_entry e
          WHERE e.book_id = p_book AND e.id > p_from AND e.id <= p_to AND e.amount < 0) decremented
    JOIN accounts_account a ON a.book_id = p_book AND a.id = decremented.account_id
    WHERE a.floor IS NOT NULL AND NOT a.fast_debit_fixed AND a.status = 'open') touched
  WHERE (touched.target >= 1 OR touched.fast_limit > 0)
    AND (touched.fast_limit < touched.target / 2 OR touched.fast_limit > touched.target * 3 / 2)
  LIMIT p_rows
$$;
