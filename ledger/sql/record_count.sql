-- How many records each repository of a book holds: exact up to a safe id, and cheap, because each record is counted once.
-- Auxiliary: written by the aggregator alone (ledger_count_records_v1, ledger_aggregate_v1), checked against the tables by `aggregates check`.
-- upto: the id up to which records are counted. Book 0 is the whole server.
-- pending, pending_xid: a value of an id sequence that counts as safe when every transaction older than pending_xid has ended.
CREATE TABLE public.ledger_record_count (
  book_id integer NOT NULL,
  repository text NOT NULL,
  records bigint NOT NULL DEFAULT 0,
  upto bigint NOT NULL DEFAULT 0,
  pending bigint NOT NULL DEFAULT 0,
  pending_xid xid8,
  PRIMARY KEY (book_id, repository)
) WITH (fillfactor = 70);

-- ledger_count_records_v1: counts what became safe since the last run: operations, their keys, accounts and changes of accounts of one
-- book, and marks. Entries, snapshots and days of turnover are counted by ledger_aggregate_v1, which reads or writes them anyway.
-- Inputs:    book; how many ids one step may cover. Must be alone in its transaction.
-- Invariant: I60, a record is counted once, and only when no record at or below the same id can still appear. Operations: the newest
--            closed mark (I9). Accounts and their changes: a mark of their own, taken here before this transaction has an id of its own and
--            used by a later run (I5 holds for both). Marks: their ids are drawn and committed under one lock. Two runs exclude
--            each other by the row locks.
-- Cost:      a range of the key for what is new; nothing for what was counted before.
CREATE FUNCTION public.ledger_count_records_v1(p_book integer, p_step bigint DEFAULT 100000) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  account_value bigint; change_value bigint; mark_id bigint; mark_operation bigint;
  progress ledger_record_count; value bigint; to_id bigint; fresh bigint;
BEGIN
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION 'records must be counted in a transaction of its own';
  END IF;
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO account_value FROM accounts_account_id_seq;
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO change_value FROM accounts_account_change_id_seq;
  SELECT coalesce(max(m.id), 0), coalesce(max(m.operation_id), 0) INTO mark_id, mark_operation
  FROM (SELECT n.id, n.operation_id FROM ledger_mark n ORDER BY n.id DESC LIMIT 1) m;
  IF (SELECT count(*) FROM ledger_record_count c
      WHERE (c.book_id, c.repository, c.upto) IN ((p_book, 'operations', mark_operation), (0, 'marks', mark_id),
                                                  (p_book, 'accounts', account_value), (p_book, 'account_changes', change_value))) = 4 THEN
    RETURN; -- an idle ledger writes nothing
  END IF;
  INSERT INTO ledger_record_count (book_id, repository)
  VALUES (p_book, 'operations'), (p_book, 'keys'), (p_book, 'accounts'), (p_book, 'account_changes'), (0, 'marks')
  ON CONFLICT DO NOTHING;

  SELECT * INTO progress FROM ledger_record_count c WHERE c.book_id = p_book AND c.repository = 'operations' FOR UPDATE;
  to_id := least(progress.upto + p_step, mark_operation);
  IF to_id > progress.upto THEN
    UPDATE ledger_record_count c SET upto = to_id, records = c.records + CASE c.repository WHEN 'keys' THEN n.keys ELSE n.operations END
    FROM (SELECT count(*) AS operations, count(*) + count(*) FILTER (WHERE o.kind = 'reversal' AND o.outcome = 'accepted') AS keys
          FROM ledger_operation o WHERE o.book_id = p_book AND o.id > progress.upto AND o.id <= to_id) n
    WHERE c.book_id = p_book AND c.repository IN ('operations', 'keys');
  END IF;

  FOR progress IN
    SELECT * FROM ledger_record_count c WHERE c.book_id = p_book AND c.repository IN ('accounts', 'account_changes') ORDER BY c.repository FOR UPDATE
  LOOP
    value := CASE progress.repository WHEN 'accounts' THEN account_value ELSE change_value END;
    to_id := progress.upto;
    fresh := 0;
    IF progress.pending > progress.upto AND pg_snapshot_xmin(pg_current_snapshot()) > progress.pending_xid THEN
      to_id := least(progress.upto + p_step, progress.pending);
      IF progress.repository = 'accounts' THEN
        SELECT count(*) INTO fresh FROM accounts_account a WHERE a.book_id = p_book AND a.id > progress.upto AND a.id <= to_id;
      ELSE
        SELECT count(*) INTO fresh FROM accounts_account_change a WHERE a.book_id = p_book AND a.id > progress.upto AND a.id <= to_id;
      END IF;
    END IF;
    IF to_id < progress.pending THEN -- a mark is replaced only when it is used up, or a newer one would always be too young
      value := progress.pending;
    END IF;
    UPDATE ledger_record_count c SET records = c.records + fresh, upto = to_id, pending = value,
      pending_xid = CASE WHEN value = c.pending THEN c.pending_xid ELSE pg_current_xact_id() END
    WHERE c.book_id = p_book AND c.repository = progress.repository AND (to_id > c.upto OR value > c.pending);
  END LOOP;

  SELECT * INTO progress FROM ledger_record_count c WHERE c.book_id = 0 AND c.repository = 'marks' FOR UPDATE;
  UPDATE ledger_record_count c SET upto = mark_id,
    records = c.records + (SELECT count(*) FROM ledger_mark m WHERE m.id > progress.upto AND m.id <= mark_id)
  WHERE c.book_id = 0 AND c.repository = 'marks' AND mark_id > c.upto;
END $$;
