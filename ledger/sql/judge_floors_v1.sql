-- ledger_judge_floors_v1: which operations of a batch would take an account below its floor; returns their ordinals, NULL for none.
-- Inputs:    book; for each operation of the batch whether it may still be accepted; the batch's entries as parallel arrays.
-- Invariant: I11. Floors are judged on the net of an operation for each account, in the order of the batch; an operation that only
--            adds to an account is never refused by it. Locks and balances come from ledger_pass_gate_v1.
-- Cost:      nothing is read when no gated account is decremented; else the gate, and one pass over the operations where an account
--            is near its floor. Nothing here joins two lists of the batch: unnested arrays look small to the planner, and a nested
--            loop over two lists of thousands would take seconds.
CREATE FUNCTION public.ledger_judge_floors_v1(p_book integer, p_live boolean[], e_ordinal integer[], e_account bigint[], e_amount numeric[])
RETURNS integer[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_nestloop = off AS $$
DECLARE
  gated bigint[]; decrement numeric[]; balance numeric[]; floors numeric[]; -- one element for each account to pass the gate
  n_ordinal integer[]; n_place integer[]; n_amount numeric[];               -- the net of each operation on each of them, by ordinal
  first integer := 1; next integer; fits boolean; refused integer[];
BEGIN
  SELECT array_agg(n.account ORDER BY n.account) FILTER (WHERE n.is_first), array_agg(n.decrement ORDER BY n.account) FILTER (WHERE n.is_first),
         array_agg(n.ordinal ORDER BY n.ordinal, n.place), array_agg(n.place ORDER BY n.ordinal, n.place), array_agg(n.amount ORDER BY n.ordinal, n.place)
    INTO gated, decrement, n_ordinal, n_place, n_amount
  FROM (SELECT d.ordinal, d.account, d.amount, d.decrement, dense_rank() OVER (ORDER BY d.account) AS place,
               row_number() OVER (PARTITION BY d.account ORDER BY d.ordinal) = 1 AS is_first
        FROM (SELECT e.ordinal, e.account, sum(e.amount) AS amount,
                     -sum(least(sum(e.amount), 0)) OVER (PARTITION BY e.account) AS decrement
              FROM unnest(e_ordinal, e_account, e_amount) e(ordinal, account, amount)
              CROSS JOIN LATERAL (SELECT x.gated FROM accounts_account x WHERE x.book_id = p_book AND x.id = e.account OFFSET 0) a
              WHERE p_live[e.ordinal] AND a.gated
              GROUP BY e.ordinal, e.account) d
        WHERE d.decrement > 0) n;
  IF gated IS NULL THEN RETURN NULL; END IF;

  SELECT o_balance, o_floor INTO balance, floors FROM ledger_pass_gate_v1(p_book, gated, decrement);
  IF cardinality(array_remove(balance, NULL)) = 0 THEN RETURN NULL; END IF; -- all of them the fast way
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
