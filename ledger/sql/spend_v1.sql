-- ledger_spend_v1: judges operations by the sums per day of grants, in the order of the batch, and counts those that fit.
-- Inputs:    book; which operations of the batch are alive; parallel arrays with one element for each operation and grant (l_ordinal: 1-based
--            place of the operation, the grant, the amount, the grant's sum per day, in minor units); p_all: count nothing if one does not fit.
-- Result:    the places of the operations that do not fit.
-- Invariant: I22. The rows of the grants are locked, in their order, until the posting ends, so what is read here is what will be counted.
-- Waits:     another posting under the same grant. Cost: one insert, one update, and a loop over the operations that have a limit.
CREATE FUNCTION public.ledger_spend_v1(
  p_book integer, p_live boolean[], l_ordinal integer[], l_grant bigint[], l_amount numeric[], l_max numeric[], p_all boolean)
RETURNS integer[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  today CONSTANT date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
  grants bigint[]; spent numeric[]; refused integer[] := '{}'; item record; fits boolean; place integer;
BEGIN
  INSERT INTO ledger_day_spent (book_id, grant_id, spent_on, amount)
  SELECT DISTINCT p_book, l.id, today, 0 FROM unnest(l_grant) l(id) ORDER BY l.id
  ON CONFLICT DO NOTHING;
  SELECT array_agg(s.grant_id ORDER BY s.grant_id), array_agg(s.amount ORDER BY s.grant_id) INTO grants, spent
  FROM (SELECT d.grant_id, d.amount FROM ledger_day_spent d
        WHERE d.book_id = p_book AND d.grant_id = ANY (l_grant) AND d.spent_on = today ORDER BY d.grant_id FOR UPDATE) s;
  FOR item IN
    SELECT l.ordinal, array_agg(l.grant_id) AS grants, array_agg(l.amount) AS amounts, array_agg(l.most) AS most
    FROM unnest(l_ordinal, l_grant, l_amount, l_max) l(ordinal, grant_id, amount, most)
    WHERE p_live[l.ordinal] GROUP BY l.ordinal ORDER BY l.ordinal
  LOOP
    fits := true;
    FOR i IN 1 .. cardinality(item.grants) LOOP
      place := array_position(grants, item.grants[i]);
      fits := fits AND spent[place] + item.amounts[i] <= item.most[i];
    END LOOP;
    IF NOT fits THEN
      refused := refused || item.ordinal;
    ELSE
      FOR i IN 1 .. cardinality(item.grants) LOOP
        place := array_position(grants, item.grants[i]);
        spent[place] := spent[place] + item.amounts[i];
      END LOOP;
    END IF;
  END LOOP;
  IF NOT p_all OR refused = '{}' THEN
    UPDATE ledger_day_spent d SET amount = s.amount FROM unnest(grants, spent) s(grant_id, amount)
    WHERE d.book_id = p_book AND d.grant_id = s.grant_id AND d.spent_on = today AND d.amount <> s.amount;
  END IF;
  RETURN refused;
END $$;
