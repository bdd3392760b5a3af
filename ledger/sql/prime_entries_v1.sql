-- ledger_prime_entries_v1: gives a new, empty partition of entries the statistics of one with many accounts.
-- Purpose:   an account's entries in a range of ids can be read by the index of accounts, or by the key, passing over everybody else's. Without
--            statistics both look alike to the planner, and it took the key: the aggregator then read, for each account, all that was
--            recorded after its snapshot, until autovacuum looked at the partition for the first time. So a partition is born with
--            statistics of rows that were there for a moment. Both also look alike after a sample in which one account had nearly all
--            entries: so the number of accounts is never taken from a sample, it is a tenth of the entries, and there is one book.
-- Inputs:    the partition, not yet attached or guarded; the first id that it may have.
-- Cost:      milliseconds; nobody else sees the rows.
CREATE OR REPLACE FUNCTION public.ledger_prime_entries_v1(p_part regclass, p_first bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ALTER COLUMN book_id SET (n_distinct = 1), ALTER COLUMN account_id SET (n_distinct = -0.1)', p_part);
  EXECUTE format('INSERT INTO %s (id, book_id, operation_id, account_id, amount, recorded_at, effective_at)
                  SELECT %s + i, 1, i, i, 1, now(), now() FROM generate_series(0, 999) i', p_part, p_first);
  EXECUTE format('ANALYZE %s', p_part);
  BEGIN -- a subtransaction: in that of its CREATE a table is emptied in place, and then counts as known to be empty, which plans a scan of all
    EXECUTE format('TRUNCATE %s', p_part);
  EXCEPTION WHEN OTHERS THEN RAISE;
  END;
END $$;
