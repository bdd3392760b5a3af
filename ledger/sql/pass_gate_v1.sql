-- ledger_pass_gate_v1: the headroom gate. Takes the locks that a batch's decrements of gated accounts need, and reads their balances.
-- Inputs:    book; accounts in id order; for each the sum of the batch's net decrements, and a guess at the way to take: true for exactly.
-- Result:    for each account its balance where it must be judged exactly (the lock is exclusive), NULL where the whole sum fits
--            whatever order concurrent decrements commit in (the lock is shared); its floor; and whether any is to be judged.
-- Invariant: I11, no accepted decrement takes an account below its floor.
--   A fast decrement (at most M = fast_debit_limit) holds the account's lock shared and has read `balance - sum - (C-1)*M >= floor`:
--   at most C-1 others can be in flight unseen, each at most M, so all of them together stay above the floor. C is the server's own
--   bound on transactions that can be open at once. An exact decision holds the lock exclusively: nothing is in flight while it reads.
--   Balances, floors and limits are read in a statement of its own, so its snapshot is newer than the locks.
-- Waits:     a decrement near its floor waits for those before it; nobody waits for an increment.
-- Cost:      one lock for each account and one statement for all of them; once more where the fast way is refused.
-- Only ledger_post_v1 calls it, by way of ledger_judge_floors_v1: rights, search path and settings are those of its caller.
CREATE FUNCTION public.ledger_pass_gate_v1(p_book integer, p_account bigint[], p_decrement numeric[], p_exact boolean[],
  OUT o_balance numeric[], OUT o_floor numeric[], OUT o_judge boolean)
LANGUAGE plpgsql AS $$
DECLARE
  others CONSTANT bigint := current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint - 1;
  accounts CONSTANT integer := cardinality(p_account);
  exact boolean[] := p_exact; fast_limit numeric[]; again boolean;
BEGIN
  LOOP
    BEGIN -- a subtransaction: leaving it by the exception gives the locks back, so nobody upgrades a shared lock
      FOR i IN 1 .. accounts LOOP
        IF exact[i] THEN PERFORM pg_advisory_xact_lock(p_account[i]); ELSE PERFORM pg_advisory_xact_lock_shared(p_account[i]); END IF;
      END LOOP;
      SELECT array_agg(coalesce(base.balance, 0) + coalesce(tail.amount, 0) ORDER BY i),
             array_agg(a.floor ORDER BY i), array_agg(a.fast_debit_limit ORDER BY i)
        INTO o_balance, o_floor, fast_limit
      FROM generate_series(1, accounts) i
      CROSS JOIN LATERAL (SELECT x.floor, x.fast_debit_limit FROM accounts_account x WHERE x.book_id = p_book AND x.id = p_account[i] OFFSET 0) a
      LEFT JOIN LATERAL (SELECT s.entry_id, s.balance FROM ledger_snapshot s
                         WHERE s.book_id = p_book AND s.account_id = p_account[i] ORDER BY s.entry_id DESC LIMIT 1) base ON true
      LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM ledger_entry e
                         WHERE e.book_id = p_book AND e.account_id = p_account[i] AND e.id > coalesce(base.entry_id, 0)) tail ON true;
      again := false;
      o_judge := false;
      FOR i IN 1 .. accounts LOOP
        IF o_floor[i] IS NULL THEN
          o_balance[i] := NULL;
        ELSIF exact[i] THEN
          o_judge := true;
        ELSIF coalesce(p_decrement[i] > fast_limit[i] OR o_balance[i] - p_decrement[i] - others * fast_limit[i] < o_floor[i], true) THEN
          exact[i] := true;
          again := true;
        ELSE
          o_balance[i] := NULL;
        END IF;
      END LOOP;
      IF again THEN RAISE EXCEPTION USING ERRCODE = 'LG001', MESSAGE = 'the fast way is closed'; END IF;
    EXCEPTION WHEN SQLSTATE 'LG001' THEN
      NULL; -- once more, with at least one account more to judge exactly; so at most once for each account
    END;
    EXIT WHEN NOT again;
  END LOOP;
END $$;
