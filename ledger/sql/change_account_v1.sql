-- ledger_change_account_v1: applies changes of an account's attributes, and records who, when, before and after.
-- Inputs:    book, account, source, reason; a document with any of name, metadata, status, floor (text or null), fast_debit_limit, gated.
-- Result:    a problem ('account_closed', 'balance_not_zero', 'not_gated') or NULL; and the transaction's id, so that the caller can wait until
--            every writer that had read the old attributes has ended (ledger.account_changes).
-- Invariants: I3 (the table's trigger records). I11: floor and limit change under the account's exclusive lock, so no decrement that
--            was judged by the old ones is in flight; a first floor binds only after `gated` is set and older writers have ended.
--            I14: an account is closed at balance zero, judged while `closing` keeps writers out.
CREATE FUNCTION public.ledger_change_account_v1(p_book integer, p_account bigint, p_source bigint, p_reason text, p_changes jsonb, OUT o_problem text, OUT o_xid xid8)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE account accounts_account;
BEGIN
  PERFORM pg_advisory_xact_lock(p_account);
  SELECT * INTO STRICT account FROM accounts_account a WHERE a.book_id = p_book AND a.id = p_account FOR UPDATE;
  o_xid := pg_current_xact_id();
  IF account.status = 'closed' AND p_changes ?| ARRAY['status', 'floor'] THEN
    o_problem := 'account_closed';
  ELSIF p_changes ->> 'floor' IS NOT NULL AND NOT account.gated THEN
    o_problem := 'not_gated';
  ELSIF p_changes ->> 'status' = 'closed' AND ledger_balance_v1(p_book, p_account) <> 0 THEN
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
  END IF;
END $$;
