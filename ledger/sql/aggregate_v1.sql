-- ledger_partition_start_v1: where the newest partition of entries at or below an id begins. Cost: one look at the catalog.
CREATE FUNCTION public.ledger_partition_start_v1(p_id bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(max(bound.start), 0)
  FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
  CROSS JOIN LATERAL (SELECT (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(\d+)''\)'))[1]::bigint AS start) bound
  WHERE i.inhparent = 'public.ledger_entry'::regclass AND bound.start <= p_id
$$;

-- ledger_aggregate_v1: takes one book's aggregates a step further, from its progress to a closed mark; returns the new progress.
-- Inputs:    book; a safe value (whatever it is, no step goes beyond the newest closed mark); how many ids one step may cover; the tail from which an account gets a snapshot.
-- Invariant: I10, a snapshot equals the sum of its account's entries up to its mark; turnover equals the entries up to the progress.
--            Both follow from I9: no row at or below the mark can still appear. Progress moves in the same transaction, so a step
--            happens once, and so does the counting of its records (I60); two aggregators exclude each other by the row lock on progress.
-- Cost:      one range scan of the new entries, two index probes for each account touched.
CREATE FUNCTION public.ledger_aggregate_v1(p_book integer, p_safe bigint, p_step bigint DEFAULT 100000, p_tail bigint DEFAULT 64)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE from_id bigint; to_id bigint; border bigint; new_entries bigint; new_days bigint; new_snapshots bigint;
BEGIN
  INSERT INTO ledger_progress (book_id, entry_id) VALUES (p_book, 0) ON CONFLICT DO NOTHING;
  SELECT p.entry_id INTO from_id FROM ledger_progress p WHERE p.book_id = p_book FOR UPDATE;
  to_id := least(p_safe, from_id + p_step, coalesce((SELECT m.entry_id FROM ledger_mark m ORDER BY m.id DESC LIMIT 1), 0));
  IF to_id <= from_id THEN RETURN from_id; END IF;
  border := ledger_partition_start_v1(to_id);

  WITH day AS MATERIALIZED (
    SELECT e.account_id, (e.effective_at AT TIME ZONE 'UTC')::date AS effective_on,
           coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0) AS increments, coalesce(-sum(e.amount) FILTER (WHERE e.amount < 0), 0) AS decrements,
           count(*) FILTER (WHERE e.amount > 0) AS increment_count, count(*) FILTER (WHERE e.amount < 0) AS decrement_count,
           min(e.id) AS first_entry, max(e.id) AS last_entry
    FROM ledger_entry e WHERE e.book_id = p_book AND e.id > from_id AND e.id <= to_id
    GROUP BY e.account_id, 2),
  added AS (
    INSERT INTO ledger_turnover AS t (book_id, account_id, effective_on, increments, decrements, increment_count, decrement_count, first_entry, last_entry)
    SELECT p_book, d.account_id, d.effective_on, d.increments, d.decrements, d.increment_count, d.decrement_count, d.first_entry, d.last_entry FROM day d
    ON CONFLICT (book_id, account_id, effective_on) DO UPDATE SET
      increments = t.increments + excluded.increments, decrements = t.decrements + excluded.decrements,
      increment_count = t.increment_count + excluded.increment_count, decrement_count = t.decrement_count + excluded.decrement_count,
      first_entry = least(t.first_entry, excluded.first_entry), last_entry = greatest(t.last_entry, excluded.last_entry)
    RETURNING t.xmax = 0 AS is_new) -- a row that was there before carries the lock of this update
  SELECT (SELECT coalesce(sum(d.increment_count + d.decrement_count), 0) FROM day d), (SELECT count(*) FROM added a WHERE a.is_new)
    INTO new_entries, new_days;

  INSERT INTO ledger_snapshot (book_id, account_id, entry_id, balance)
  SELECT p_book, touched.account_id, to_id, coalesce(base.balance, 0) + tail.amount
  FROM (SELECT DISTINCT e.account_id FROM ledger_entry e WHERE e.book_id = p_book AND e.id > from_id AND e.id <= to_id) touched
  LEFT JOIN LATERAL (SELECT s.entry_id, s.balance FROM ledger_snapshot s
                     WHERE s.book_id = p_book AND s.account_id = touched.account_id ORDER BY s.entry_id DESC LIMIT 1) base ON true
  CROSS JOIN LATERAL (SELECT count(*) AS rows, min(e.id) AS first, sum(e.amount) AS amount FROM ledger_entry e
                      WHERE e.book_id = p_book AND e.account_id = touched.account_id
                        AND e.id > coalesce(base.entry_id, 0) AND e.id <= to_id) tail
  -- A tail that reaches back over a border of partitions ends here, so that a balance probes two partitions and not all.
  WHERE tail.rows >= p_tail OR tail.first < border;

  GET DIAGNOSTICS new_snapshots = ROW_COUNT;

  INSERT INTO ledger_record_count AS c (book_id, repository, records, upto)
  VALUES (p_book, 'entries', new_entries, to_id), (p_book, 'turnover', new_days, to_id), (p_book, 'snapshots', new_snapshots, to_id)
  ON CONFLICT (book_id, repository) DO UPDATE SET records = c.records + excluded.records, upto = excluded.upto;
  UPDATE ledger_progress p SET entry_id = to_id WHERE p.book_id = p_book;
  RETURN to_id;
END $$;
