-- ledger_judge_floors_v1: which operations of a batch would take an account below its floor; returns their ordinals, NULL for none.
-- Inputs:    book; ordinals of the operations that may still be accepted; the batch's entries as parallel arrays.
-- Invariant: I11. Floors are judged on the net of an operation for each account, in the order of the batch; an operation that only
--            adds to an account is never refused by it. Locks and balances come from ledger_pass_gate_v1.
-- Cost:      nothing is read when no gated account is decremented; else the gate, and one pass over the operations near a floor.
CREATE FUNCTION public.ledger_judge_floors_v1(p_book integer, p_live integer[], e_ordinal integer[], e_account bigint[], e_amount numeric[])
RETURNS integer[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  gated bigint[]; decrement numeric[]; balance numeric[]; floors numeric[]; refused integer[]; operation record; i integer; fits boolean;
BEGIN
  SELECT array_agg(g.account ORDER BY g.account), array_agg(g.decrement ORDER BY g.account) INTO gated, decrement
  FROM (SELECT net.account, sum(-net.amount) FILTER (WHERE net.amount < 0) AS decrement
        FROM (SELECT e.ordinal, e.account, sum(e.amount) AS amount
              FROM unnest(e_ordinal, e_account, e_amount) e(ordinal, account, amount)
              JOIN unnest(p_live) live(ordinal) ON live.ordinal = e.ordinal
              JOIN accounts_account a ON a.book_id = p_book AND a.id = e.account AND a.gated
              GROUP BY e.ordinal, e.account) net
        GROUP BY net.account HAVING bool_or(net.amount < 0)) g;
  IF gated IS NULL THEN RETURN NULL; END IF;

  SELECT o_balance, o_floor INTO balance, floors FROM ledger_pass_gate_v1(p_book, gated, decrement);
  FOR operation IN
    SELECT net.ordinal, array_agg(net.place) AS place, array_agg(net.amount) AS amount
    FROM (SELECT e.ordinal, g.place::integer AS place, sum(e.amount) AS amount
          FROM unnest(e_ordinal, e_account, e_amount) e(ordinal, account, amount)
          JOIN unnest(p_live) live(ordinal) ON live.ordinal = e.ordinal
          JOIN unnest(gated, balance) WITH ORDINALITY g(account, balance, place) ON g.account = e.account AND g.balance IS NOT NULL
          GROUP BY e.ordinal, g.place) net
    GROUP BY net.ordinal ORDER BY net.ordinal
  LOOP
    fits := true;
    FOR i IN 1 .. cardinality(operation.place) LOOP
      fits := fits AND (operation.amount[i] >= 0 OR balance[operation.place[i]] + operation.amount[i] >= floors[operation.place[i]]);
    END LOOP;
    IF fits THEN
      FOR i IN 1 .. cardinality(operation.place) LOOP
        balance[operation.place[i]] := balance[operation.place[i]] + operation.amount[i];
      END LOOP;
    ELSE
      refused := refused || operation.ordinal;
    END IF;
  END LOOP;
  RETURN refused;
END $$;
