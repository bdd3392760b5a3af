-- accounts_open_v1: opens a batch of accounts; one row of the result for each input, in input order.
-- Inputs:    book, source, parallel arrays of code, unit, name, metadata, floor (NULL = none, minor units).
-- Result:    id of the account of that code, and whether this call created it. An existing code is returned as it is; the
--            caller compares its attributes.
-- Invariant: I4, a code names one account of a book for ever (unique key). Codes are inserted in sorted order, so two
--            batches that share codes wait for each other at most once and never deadlock.
-- Cost:      one index probe and one insert for each account.
CREATE FUNCTION public.accounts_open_v1(
  p_book integer, p_source bigint, p_code text[], p_unit integer[], p_name text[], p_metadata jsonb[], p_floor numeric[])
RETURNS TABLE (ordinal integer, account_id bigint, created boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE new_ids bigint[];
BEGIN
  WITH opened AS (
    INSERT INTO accounts_account (book_id, code, unit_id, name, metadata, floor, gated)
    SELECT p_book, u.code, u.unit, u.name, u.metadata, u.floor, u.floor IS NOT NULL
    FROM unnest(p_code, p_unit, p_name, p_metadata, p_floor) WITH ORDINALITY u(code, unit, name, metadata, floor, ordinal)
    ORDER BY u.code, u.ordinal
    ON CONFLICT (book_id, code) DO NOTHING
    RETURNING id, accounts_attributes(accounts_account) AS attributes),
  recorded AS (
    INSERT INTO accounts_account_change (book_id, account_id, source_id, reason, after)
    SELECT p_book, o.id, p_source, 'opened', o.attributes FROM opened o)
  SELECT array_agg(o.id) INTO new_ids FROM opened o;

  RETURN QUERY
    SELECT u.ordinal::integer, a.id,
           -- a subquery, which is hashed; a join would be a loop over two lists that look short to the planner
           a.id IN (SELECT n.id FROM unnest(new_ids) n(id)) AND row_number() OVER (PARTITION BY u.code ORDER BY u.ordinal) = 1
    FROM unnest(p_code) WITH ORDINALITY u(code, ordinal)
    JOIN accounts_account a ON a.book_id = p_book AND a.code = u.code
    ORDER BY u.ordinal;
END $$;
