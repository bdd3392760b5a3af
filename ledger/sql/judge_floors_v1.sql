-- ledger_judge_floors_v1: the headroom gate, and which operations of a batch would take an account below its floor.
-- Result:    NULL where no gated account is decremented; else first the way through the gate (0: all accounts shared, 1: some exclusively,
--            2: all shared, judged by their newest snapshots), then the ordinals of the operations that are refused.
-- Inputs:    book; for each operation of the batch whether it may still be accepted; the batch's entries as parallel arrays.
-- Invariant: I11, no accepted decrement takes an account below its floor.
--   A fast decrement (at most M = fast_debit_limit) holds the account's lock shared and has read `balance - sum - (C-1)*M >= floor`:
--   at most C-1 others can be in flight unseen, each at most M, so all of them together stay above the floor. C is the server's own
--   bound on transactions that can be open at once; the sum is that of all decrements of the batch, whatever it increments. An exact
--   decision holds the lock exclusively: nothing is in flight while it reads. Floors, limits and balances are read in statements of their
--   own, so their snapshots are newer than the locks. Locks are taken in id order.
--   Far from the floor the newest snapshot is enough, and the tail is not read: whoever took from the account after it drew an id above its
--   own for at most M, so with L, the newest id that was drawn, they took at most (L - snapshot's id) * M, and those that have not drawn
--   theirs (C-1)*M. That needs every decrement after the snapshot to be at most M: above the id fast_debit_since all are. Whoever takes
--   more makes it unknown (NULL), and the aggregator finds a new one (ledger_set_fast_limit_v2), both under the exclusive lock.
--   Exactly, floors are judged on the net of an operation for each account, in the order of the batch; an operation that only adds to an
--   account is never refused by it.
-- Waits:     a decrement near its floor waits for those before it; nobody waits for an increment.
-- Cost:      two statements and a lock for each account; a third where a snapshot is not enough. That reads the tails with their lowest id
--            as a parameter: so only the newest partitions are opened, however many there are. Where some are exact, one more and a pass
--            over the operations; once more where the fast way is closed. The list of entries is joined with that of accounts by hash:
--            the caller turned nested loops off, because lists of thousands look short to the planner.
-- Only ledger_post_v1 calls it: rights, search path and settings are those of its caller.
CREATE OR REPLACE FUNCTION public.ledger_judge_floors_v1(p_book integer, p_live boolean[], e_ordinal integer[], e_account bigint[], e_amount numeric[])
RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
  others CONSTANT bigint := current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint - 1;
  g_account bigint[]; g_decrement numeric[]; g_exact boolean[]; g_closed boolean[]; -- one for each gated account that is decremented
  g_floor numeric[]; g_limit numeric[]; g_since bigint[]; g_base bigint[]; g_balance numeric[]; low bigint; far boolean;
  net record; fits boolean; changed integer[]; amounts numeric[]; refused integer[] := '{1}'; locked text;
BEGIN
  -- Whether an account is judged exactly is only a guess here: the limit is read again under the lock.
  SELECT array_agg(d.id), array_agg(d.decrement), array_agg(d.floored AND coalesce(d.decrement > d.fast_limit, true))
    INTO g_account, g_decrement, g_exact
  FROM (SELECT a.id, -sum(e_amount[i]) AS decrement, bool_and(a.floor IS NOT NULL) AS floored, min(a.fast_debit_limit) AS fast_limit
        FROM generate_series(1, cardinality(e_account)) i
        CROSS JOIN LATERAL (SELECT x.id, x.floor, x.fast_debit_limit FROM accounts_account x
                            WHERE x.book_id = p_book AND x.id = e_account[i] AND x.gated OFFSET 0) a
        WHERE e_amount[i] < 0 AND p_live[e_ordinal[i]]
        GROUP BY a.id ORDER BY a.id) d;
  IF g_account IS NULL THEN RETURN NULL; END IF;

  LOOP
    BEGIN -- a subtransaction: leaving it by the exception gives the locks back, so nobody upgrades a shared lock
      FOR i IN 1 .. cardinality(g_account) LOOP -- assigned, not performed: a statement costs ten times as much
        IF g_exact[i] THEN locked := pg_advisory_xact_lock(g_account[i]); ELSE locked := pg_advisory_xact_lock_shared(g_account[i]); END IF;
      END LOOP;
      SELECT array_agg(b.floor), array_agg(b.fast_debit_limit), array_agg(b.fast_debit_since), array_agg(b.entry_id), array_agg(b.balance), min(b.entry_id),
             bool_and(b.floor IS NULL OR NOT g_exact[b.i] AND coalesce(b.entry_id >= b.fast_debit_since AND g_decrement[b.i] <= b.fast_debit_limit AND
               b.balance - g_decrement[b.i] - (pg_sequence_last_value('ledger_entry_id_seq'::regclass) - b.entry_id + others) * b.fast_debit_limit >= b.floor, false))
        INTO g_floor, g_limit, g_since, g_base, g_balance, low, far
      FROM (SELECT i, a.floor, a.fast_debit_limit, a.fast_debit_since, coalesce(base.entry_id, 0) AS entry_id, coalesce(base.balance, 0) AS balance
            FROM generate_series(1, cardinality(g_account)) i
            CROSS JOIN LATERAL (SELECT x.floor, x.fast_debit_limit, x.fast_debit_since FROM accounts_account x
                                WHERE x.book_id = p_book AND x.id = g_account[i] OFFSET 0) a
            LEFT JOIN LATERAL (SELECT s.entry_id, s.balance FROM ledger_snapshot s
                               WHERE s.book_id = p_book AND s.account_id = g_account[i] ORDER BY s.entry_id DESC LIMIT 1) base ON true
            ORDER BY i) b;
      IF far THEN RETURN '{2}'; END IF;
      SELECT array_agg(t.balance), array_agg(NOT g_exact[t.i] AND g_floor[t.i] IS NOT NULL AND coalesce(
               g_decrement[t.i] > g_limit[t.i] OR t.balance - g_decrement[t.i] - others * g_limit[t.i] < g_floor[t.i], true))
        INTO g_balance, g_closed
      FROM (SELECT i, g_balance[i] + coalesce(tail.amount, 0) AS balance
            FROM generate_series(1, cardinality(g_account)) i
            CROSS JOIN LATERAL (SELECT sum(e.amount) AS amount FROM ledger_entry e
                                WHERE e.book_id = p_book AND e.account_id = g_account[i] AND e.id > g_base[i] AND e.id > low) tail
            ORDER BY i) t;
      EXIT WHEN NOT true = ANY (g_closed);
      RAISE EXCEPTION USING ERRCODE = 'LG001', MESSAGE = 'the fast way is closed';
    EXCEPTION WHEN SQLSTATE 'LG001' THEN -- once more, with at least one account more to judge exactly
      SELECT array_agg(x.exact OR x.closed ORDER BY x.i) INTO g_exact
      FROM unnest(g_exact, g_closed) WITH ORDINALITY x(exact, closed, i);
    END;
  END LOOP;
  IF NOT true = ANY (g_exact) THEN RETURN '{0}'; END IF; -- all of them the fast way
  FOR i IN 1 .. cardinality(g_account) LOOP
    IF g_exact[i] AND g_decrement[i] > g_limit[i] AND g_since[i] IS NOT NULL THEN
      UPDATE accounts_account a SET fast_debit_since = NULL WHERE a.book_id = p_book AND a.id = g_account[i];
    END IF;
  END LOOP;

  FOR net IN -- each operation with what it changes of the accounts that are judged, by their places above; in the order of the batch
    SELECT n.ordinal, array_agg(n.place) AS places, array_agg(n.amount) AS amounts
    FROM (SELECT e.ordinal, p.place, sum(e.amount) AS amount
          FROM unnest(e_ordinal, e_account, e_amount) e(ordinal, account, amount)
          JOIN unnest(g_account, g_exact) WITH ORDINALITY p(account, exact, place) ON p.account = e.account AND p.exact
          WHERE p_live[e.ordinal]
          GROUP BY e.ordinal, p.place) n
    GROUP BY n.ordinal ORDER BY n.ordinal
  LOOP
    changed := net.places; -- out of the record, where an array is flat
    amounts := net.amounts;
    fits := true;
    FOR i IN 1 .. cardinality(changed) LOOP
      fits := fits AND (amounts[i] >= 0 OR coalesce(g_balance[changed[i]] + amounts[i] >= g_floor[changed[i]], true));
    END LOOP;
    IF fits THEN
      FOR i IN 1 .. cardinality(changed) LOOP g_balance[changed[i]] := g_balance[changed[i]] + amounts[i]; END LOOP;
    ELSE
      refused := refused || net.ordinal;
    END IF;
  END LOOP;
  RETURN refused;
END $$;
