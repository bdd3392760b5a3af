-- ledger_change_account_v1: applies changes of an account's attributes, and records who, when, before and after.
-- Inputs:    book, account, source, reason; a document with any of name, metadata, status, floor (text or null), fast_debit_limit, gated,
--            and after_change: the newest recorded change that the caller knows of, where the change is right only if it still is.
-- Result:    a problem ('account_closed', 'balance_not_zero', 'changed_meanwhile', 'not_gated') or NULL; and the newest recorded change.
-- Invariants: I3 (the table's trigger records). I11: floor and limit change under the account's exclusive lock, so no decrement that
--            was judged by the old ones is in flight; a first floor binds only after `gated` is set and older writers have ended.
--            I14: an account is closed at balance zero, judged while `closing` keeps writers out, by the caller who waited for them.
CREATE FUNCTION public.ledger_change_account_v1(
  p_book integer, p_account bigint, p_source bigint, p_reason text, p_changes jsonb, OUT o_problem text, OUT o_change bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE account accounts_account;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN -- or a balance would be read from before the lock
    RAISE EXCEPTION 'a change of an account must be made at the isolation level read committed';
  END IF;
  PERFORM pg_advisory_xact_lock(p_account);
  SELECT * INTO STRICT account FROM accounts_account a WHERE a.book_id = p_book AND a.id = p_account FOR UPDATE;
  SELECT max(c.id) INTO o_change FROM accounts_account_change c WHERE c.book_id = p_book AND c.account_id = p_account;
  IF account.status = 'closed' AND p_changes ?| ARRAY['status', 'floor'] THEN
    o_problem := 'account_closed';
  ELSIF (p_changes ? 'after_change' AND (p_changes ->> 'after_change')::bigint <> o_change)
     OR (p_changes ->> 'status' = 'closed' AND account.status <> 'closing') THEN
    o_problem := 'changed_meanwhile';
  ELSIF p_changes ->> 'floor' IS NOT NULL AND NOT account.gated THEN
    o_problem := 'not_gated';
  -- Asked before `closing` too, so that an account in use is not shut for a moment in vain.
  ELSIF p_changes ->> 'status' IN ('closing', 'closed') AND ledger_balance_v1(p_book, p_account) <> 0 THEN
    o_problem := 'balance_not_zero';
  ELSE
    PERFORM set_config('billing.source_id', coalesce(p_source::text, ''), true), set_config('billing.reason', p_reason, true);
    UPDATE accounts_account a SET
      name = coalesce(p_changes ->> 'name', a.name),
      metadata = coalesce(p_changes -> 'metadata', a.metadata),
      status = coalesce(p_changes ->> 'status', a.status),
      gated = a.gated OR coalesce((p_changes ->> 'gated')::boolean, false),
      floor = CASE WHEN p_changes ? 'floor' THEN (p_changes ->> 'floor')::numeric ELSE a.floor END,
      fast_debit_limit = CASE WHEN p_changes ? 'fast_debit_limit' THEN (p_changes ->> 'fast_debit_limit')::numeric ELSE a.fast_debit_limit END,
      fast_debit_fixed = CASE WHEN p_changes ? 'fast_debit_limit' THEN p_changes ->> 'fast_debit_limit' IS NOT NULL ELSE a.fast_debit_fixed END
    WHERE a.book_id = p_book AND a.id = p_account;
    SELECT max(c.id) INTO o_change FROM accounts_account_change c WHERE c.book_id = p_book AND c.account_id = p_account;
  END IF;
END $$;
