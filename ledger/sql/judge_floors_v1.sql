-- ledger_judge_floors_v1: which operations of a batch would take an account below its floor.
-- Result:    NULL where no gated account is decremented; else first the way through the gate (0: all accounts shared, 1: some exclusively),
--            then the ordinals of those operations.
-- Inputs:    book; for each operation of the batch whether it may still be accepted; the batch's entries as parallel arrays.
-- Invariant: I11. Floors are judged on the net of an operation for each account, in the order of the batch; an operation that only
--            adds to an account is never refused by it. Locks and balances come from ledger_pass_gate_v1.
-- Cost:      one statement and the gate; near a floor one pass more over the operations. Nothing here joins two lists of the batch:
--            they look small to the planner, and a nested loop over two lists of thousands would take seconds.
-- Only ledger_post_v1 calls it: rights, search path and settings are those of its caller.
CREATE FUNCTION public.ledger_judge_floors_v1(p_book integer, p_live boolean[], e_ordinal integer[], e_account bigint[], e_amount numeric[])
RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
  account bigint[]; decrement numeric[]; exact boolean[]; balance numeric[]; floors numeric[]; -- one for each gated account of the batch
  n_ordinal integer[]; n_place integer[]; n_amount numeric[];                                  -- the net of each operation on each of them
  g_place integer[]; g_account bigint[]; g_decrement numeric[]; g_exact boolean[]; -- those of them that are decremented
  gate record; g_balance numeric[]; g_floor numeric[];                             -- what the gate said of these
  places integer := 0; item record; first integer := 1; next integer; fits boolean; refused integer[] := '{1}';
BEGIN
  FOR item IN
    -- The query of a loop gets its own flat copy of each array, in which the n-th numeric is found by walking there: so they are unnested.
    SELECT e.account, e.ordinal, sum(e.amount) AS amount, bool_and(a.floor IS NULL) AS floorless, min(a.fast_debit_limit) AS fast_limit
    FROM unnest(e_ordinal, e_account, e_amount) e(ordinal, account, amount)
    CROSS JOIN LATERAL (SELECT x.floor, x.fast_debit_limit FROM accounts_account x
                        WHERE x.book_id = p_book AND x.id = e.account AND x.gated OFFSET 0) a
    WHERE p_live[e.ordinal]
    GROUP BY e.account, e.ordinal ORDER BY e.account, e.ordinal
  LOOP
    IF places = 0 OR account[places] <> item.account THEN
      places := places + 1;
      account[places] := item.account;
      decrement[places] := 0;
    END IF;
    decrement[places] := decrement[places] - least(item.amount, 0);
    -- Only a guess at the way to take: the limit is read again under the lock.
    exact[places] := NOT item.floorless AND coalesce(decrement[places] > item.fast_limit, true);
    n_ordinal := n_ordinal || item.ordinal;
    n_place := n_place || places;
    n_amount := n_amount || item.amount;
  END LOOP;
  FOR i IN 1 .. places LOOP
    IF decrement[i] > 0 THEN
      g_place := g_place || i;
      g_account := g_account || account[i];
      g_decrement := g_decrement || decrement[i];
      g_exact := g_exact || exact[i];
    END IF;
  END LOOP;
  IF g_place IS NULL THEN RETURN NULL; END IF;

  gate := ledger_pass_gate_v1(p_book, g_account, g_decrement, g_exact);
  IF NOT gate.o_judge THEN RETURN '{0}'; END IF; -- all of them the fast way
  g_balance := gate.o_balance; -- out of the record, where an array is flat too
  g_floor := gate.o_floor;
  FOR i IN 1 .. cardinality(g_place) LOOP
    balance[g_place[i]] := g_balance[i];
    floors[g_place[i]] := g_floor[i];
  END LOOP;
  IF places > 1 THEN -- else they are in the order of the batch already
    SELECT array_agg(n.ordinal ORDER BY n.ordinal, n.place), array_agg(n.place ORDER BY n.ordinal, n.place), array_agg(n.amount ORDER BY n.ordinal, n.place)
      INTO n_ordinal, n_place, n_amount FROM unnest(n_ordinal, n_place, n_amount) n(ordinal, place, amount);
  END IF;
  WHILE first <= cardinality(n_ordinal) LOOP
    next := first;
    fits := true;
    WHILE n_ordinal[next] = n_ordinal[first] LOOP
      fits := fits AND (n_amount[next] >= 0 OR coalesce(balance[n_place[next]] + n_amount[next] >= floors[n_place[next]], true));
      next := next + 1;
    END LOOP;
    IF fits THEN
      FOR i IN first .. next - 1 LOOP balance[n_place[i]] := balance[n_place[i]] + n_amount[i]; END LOOP;
    ELSE
      refused := refused || n_ordinal[first];
    END IF;
    first := next;
  END LOOP;
  RETURN refused;
END $$;
