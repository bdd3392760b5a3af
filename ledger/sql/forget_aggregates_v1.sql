-- ledger_forget_aggregates_v1: forgets one book's snapshots and turnover, so that the aggregator makes them anew from the entries.
-- Invariant: balances stay right all the time, only their tails are long until the aggregator is done: all of it is one transaction,
--            and a balance reads snapshots and entries in one statement.
CREATE FUNCTION public.ledger_forget_aggregates_v1(p_book integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM ledger_progress p WHERE p.book_id = p_book FOR UPDATE;
  DELETE FROM ledger_snapshot s WHERE s.book_id = p_book;
  DELETE FROM ledger_turnover t WHERE t.book_id = p_book;
  UPDATE ledger_record_count c SET records = 0, upto = 0 WHERE c.book_id = p_book AND c.repository IN ('entries', 'turnover', 'snapshots');
  UPDATE ledger_progress p SET entry_id = 0 WHERE p.book_id = p_book;
END $$;
