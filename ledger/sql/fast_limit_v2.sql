-- ledger_set_fast_limit_v2: sets one account's fast debit limit (M of the gate) from its headroom; returns it.
-- Inputs:    book, account; p_span: how many ids may be drawn after a snapshot until it is no longer enough for the gate, NULL for an account
--            that is not busy. A limit that a person fixed stays.
-- Invariant: I11. The limit changes under the account's exclusive lock, so no decrement that was let through by the old one is in
--            flight. M = headroom / 2(C + span): the fast way stays open until half of the headroom is gone, then the next run sets it anew.
--            With a span, fast_debit_since is an id above which no call took more than M: the newest id that is drawn now, as nobody who has
--            one of the account is in flight; or the one before, where the limit did not become smaller. Ids are drawn under the lock.
-- Waits:     for the decrements of this account under way, and they for it, for about a millisecond.
CREATE FUNCTION public.ledger_set_fast_limit_v2(p_book integer, p_account bigint, p_span bigint DEFAULT NULL) RETURNS numeric
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  posters CONSTANT bigint := current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint;
  account accounts_account; target numeric; since bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(p_account);
  SELECT * INTO STRICT account FROM accounts_account a WHERE a.book_id = p_book AND a.id = p_account;
  IF account.floor IS NULL OR account.fast_debit_fixed AND p_span IS NULL THEN RETURN account.fast_debit_limit; END IF;
  IF account.fast_debit_fixed THEN
    target := account.fast_debit_limit;
  ELSE
    target := floor((ledger_balance_v1(p_book, p_account) - account.floor) / (2 * (posters + coalesce(p_span, 0))));
    target := CASE WHEN target >= 1 THEN least(target, 10::numeric ^ 38 - 1) END;
  END IF;
  IF p_span IS NOT NULL AND target IS NOT NULL THEN
    since := coalesce(CASE WHEN target >= account.fast_debit_limit THEN account.fast_debit_since END,
                      pg_sequence_last_value('ledger_entry_id_seq'::regclass), 0);
  END IF;
  UPDATE accounts_account a SET fast_debit_limit = target, fast_debit_since = since WHERE a.book_id = p_book AND a.id = p_account;
  RETURN target;
END $$;

-- ledger_fast_limits_due_v2: the accounts with a floor that were decremented between two entry ids and whose limit is off by more
-- than half, and whether they are to have one that fits a span.
-- Inputs: book, the two ids, at most how many; the span, and from how many decrements on an account is busy.
-- A busy account gets a limit that fits the span where none of its decrements was larger, and keeps it while none is.
-- Cost: a range of entries, one balance for each account with a floor found there. OFFSET 0 leaves the planner no other way: it would ask for
-- the balance at each mention of it, or of every account before it looks which were decremented.
CREATE FUNCTION public.ledger_fast_limits_due_v2(p_book integer, p_from bigint, p_to bigint, p_rows integer, p_span bigint, p_busy bigint)
RETURNS TABLE (account_id bigint, spans boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT wanted.id, wanted.spans FROM (
    SELECT touched.*, fits.spans, floor(room.headroom / (2 * (room.posters + CASE WHEN fits.spans THEN p_span ELSE 0 END))) AS target
    FROM (SELECT a.id, a.floor, coalesce(a.fast_debit_limit, 0) AS fast_limit, a.fast_debit_fixed AS fixed, a.fast_debit_since AS since,
                 decremented.debits, decremented.largest
          FROM (SELECT e.account_id, count(*) AS debits, max(-e.amount) AS largest FROM ledger_entry e
                WHERE e.book_id = p_book AND e.id > p_from AND e.id <= p_to AND e.amount < 0 GROUP BY e.account_id) decremented
          CROSS JOIN LATERAL (SELECT * FROM accounts_account x WHERE x.book_id = p_book AND x.id = decremented.account_id OFFSET 0) a
          WHERE a.floor IS NOT NULL AND a.status = 'open' OFFSET 0) touched
    CROSS JOIN LATERAL (SELECT ledger_balance_v1(p_book, touched.id) - touched.floor AS headroom,
                               current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint AS posters OFFSET 0) room
    CROSS JOIN LATERAL (SELECT (touched.debits >= p_busy OR touched.since IS NOT NULL) AND
                               CASE WHEN touched.fixed THEN greatest(touched.fast_limit, touched.largest) ELSE greatest(touched.largest, 1) END
                               <= floor(room.headroom / (2 * (room.posters + p_span))) AS spans OFFSET 0) fits) wanted
  WHERE CASE WHEN wanted.fixed THEN wanted.spans AND wanted.since IS NULL AND wanted.fast_limit > 0
             ELSE (wanted.target >= 1 OR wanted.fast_limit > 0)
                  AND (wanted.fast_limit < wanted.target / 2 OR wanted.fast_limit > wanted.target * 3 / 2 OR wanted.spans AND wanted.since IS NULL) END
  LIMIT p_rows
$$;
