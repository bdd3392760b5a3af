-- Marks: "so far" made safe. A mark is a value of the id sequences such that every row at or below it is visible or never will be.
-- Invariant: I9, only a closed mark decides what "so far" means: not max(id), not now().
--   A mark is taken by reading the clock, then the sequences, then a fresh transaction id of one's own (ledger_take_mark_v1, alone in
--   its transaction). A writer owns a transaction id before it draws an id (I5), so every writer of an id at or below the value has an
--   older transaction id; when the oldest running transaction is younger than the mark's, all of them have ended.
--   taken_at: rows above the value were recorded at or after it. closed_at: rows at or below the value were recorded before it.
CREATE TABLE public.ledger_open_mark (
  xid xid8 PRIMARY KEY,
  taken_at timestamptz NOT NULL,
  operation_id bigint NOT NULL,
  entry_id bigint NOT NULL
);
CREATE TABLE public.ledger_mark (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  taken_at timestamptz NOT NULL,
  closed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  operation_id bigint NOT NULL,
  entry_id bigint NOT NULL
);
CREATE INDEX ledger_mark_taken ON public.ledger_mark (taken_at) INCLUDE (entry_id, operation_id);
CREATE INDEX ledger_mark_closed ON public.ledger_mark (closed_at) INCLUDE (entry_id, operation_id);
SELECT public.appendonly_guard('public.ledger_mark');

-- ledger_take_mark_v1: takes a mark. Must be the only statement of its transaction, or its transaction id would be too old.
-- Returns the mark's transaction id and entry value; ledger_close_marks_v1 closes it when it has become safe.
CREATE FUNCTION public.ledger_take_mark_v1(OUT xid xid8, OUT entry_id bigint) LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE taken timestamptz; operation_value bigint;
BEGIN
  IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
    RAISE EXCEPTION 'a mark must be taken in a transaction of its own';
  END IF;
  taken := clock_timestamp();
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO operation_value FROM ledger_operation_id_seq;
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO ledger_take_mark_v1.entry_id FROM ledger_entry_id_seq;
  ledger_take_mark_v1.xid := pg_current_xact_id();
  INSERT INTO ledger_open_mark (xid, taken_at, operation_id, entry_id)
  VALUES (ledger_take_mark_v1.xid, taken, operation_value, ledger_take_mark_v1.entry_id);
END $$;

-- ledger_close_marks_v1: closes the newest mark that has become safe and forgets the older ones; returns the newest closed entry value.
-- A mark that brings no new id is not kept, so an idle ledger writes nothing. Marks never go back: of two that were taken at once, the one
-- that read the sequences first may own the newer transaction id; what the earlier one closed stays closed.
CREATE FUNCTION public.ledger_close_marks_v1() RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE safe ledger_open_mark; newest ledger_mark;
BEGIN
  IF pg_try_advisory_xact_lock(1, 2) THEN
    SELECT * INTO safe FROM ledger_open_mark o WHERE o.xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY o.xid DESC LIMIT 1;
    IF FOUND THEN
      SELECT * INTO newest FROM ledger_mark m ORDER BY m.id DESC LIMIT 1;
      safe.operation_id := greatest(safe.operation_id, newest.operation_id);
      safe.entry_id := greatest(safe.entry_id, newest.entry_id);
      IF (safe.operation_id, safe.entry_id) IS DISTINCT FROM (coalesce(newest.operation_id, 0), coalesce(newest.entry_id, 0)) THEN
        INSERT INTO ledger_mark (taken_at, operation_id, entry_id) VALUES (safe.taken_at, safe.operation_id, safe.entry_id);
      END IF;
      DELETE FROM ledger_open_mark o WHERE o.xid <= safe.xid;
    END IF;
  END IF;
  RETURN coalesce((SELECT m.entry_id FROM ledger_mark m ORDER BY m.id DESC LIMIT 1), 0);
END $$;
