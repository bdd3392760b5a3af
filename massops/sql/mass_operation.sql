-- Guards of mass operations.
-- Invariants: I40, a file is stored before anything happens to it, and neither it nor its pieces ever change: File and Event refuse UPDATE,
--             DELETE and TRUNCATE; a piece may be deleted only while its file does not exist (an upload that broke off).
--             I41, a mass operation moves along the arrows below only, each move is recorded with who and why, what was decided does
--             not change once posting has begun, and its cursor never goes back: triggers, so no caller can forget.
-- Cost:       one look at a row that is written anyway.
CREATE TABLE public.massops_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mass_operation_id bigint NOT NULL,
  happened_at timestamptz NOT NULL,
  state_from text NOT NULL,
  state_to text NOT NULL,
  source_id bigint,
  reason text NOT NULL,
  details jsonb NOT NULL
);
CREATE INDEX massops_event_of ON public.massops_event (mass_operation_id, id);
SELECT public.appendonly_guard('public.massops_file');
SELECT public.appendonly_guard('public.massops_event');
SELECT public.appendonly_guard('public.massops_chunk', '{UPDATE,TRUNCATE}');
SELECT public.appendonly_guard('public.massops_massoperation', '{DELETE,TRUNCATE}');
-- The pieces are files as strangers packed them; compressing again costs more than it saves.
ALTER TABLE public.massops_chunk ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE public.massops_file ADD CHECK (octet_length(sha256) = 32);

CREATE FUNCTION public.massops_keep_chunk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM public.massops_file f WHERE f.id = OLD.file_id) THEN
    RAISE EXCEPTION 'a piece of a stored file is never deleted' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER massops_keep_chunk BEFORE DELETE ON public.massops_chunk FOR EACH ROW EXECUTE FUNCTION public.massops_keep_chunk();
ALTER TABLE public.massops_chunk ENABLE ALWAYS TRIGGER massops_keep_chunk;

CREATE FUNCTION public.massops_move() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text := '';
  arrows CONSTANT text[] := ARRAY[
    'uploaded>checking', 'uploaded>cancelled', 'checking>checked', 'checking>failed', 'checking>cancelled',
    'checked>checking', 'checked>waiting', 'checked>scheduled', 'checked>posting', 'checked>cancelled',
    'waiting>checked', 'waiting>scheduled', 'waiting>posting', 'waiting>cancelled',
    'scheduled>posting', 'scheduled>cancelled',
    'posting>paused', 'posting>done', 'posting>cancelled', 'posting>failed', 'paused>posting', 'paused>cancelled'];
BEGIN
  IF TG_OP = 'UPDATE' THEN
    before := OLD.state;
    IF (NEW.id, NEW.book_id, NEW.kind, NEW.file_id, NEW.reverses_id, NEW.source_id, NEW.credential, NEW.created_at)
       IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.kind, OLD.file_id, OLD.reverses_id, OLD.source_id, OLD.credential, OLD.created_at) THEN
      RAISE EXCEPTION 'the identity of mass operation % never changes', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state IN ('posting', 'paused', 'done', 'cancelled', 'failed') AND (
         (NEW.mode, NEW.effective_at, NEW.mapping, NEW.own_keys, NEW.decided_at, NEW.rows_good)
         IS DISTINCT FROM (OLD.mode, OLD.effective_at, OLD.mapping, OLD.own_keys, OLD.decided_at, OLD.rows_good) OR NEW.cursor < OLD.cursor) THEN
      RAISE EXCEPTION 'what was decided of mass operation % does not change any more', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = OLD.state THEN RETURN NEW; END IF;
    IF NOT (OLD.state || '>' || NEW.state) = ANY (arrows) THEN
      RAISE EXCEPTION 'a mass operation does not move from % to %', OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  NEW.state_at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER massops_move BEFORE INSERT OR UPDATE ON public.massops_massoperation FOR EACH ROW EXECUTE FUNCTION public.massops_move();
ALTER TABLE public.massops_massoperation ENABLE ALWAYS TRIGGER massops_move;

-- Who and why come from the two settings of the moving transaction; a move without them is still recorded.
CREATE FUNCTION public.massops_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE before text := '';
BEGIN
  IF TG_OP = 'UPDATE' THEN before := OLD.state; END IF;
  IF before IS DISTINCT FROM NEW.state THEN
    INSERT INTO massops_event (mass_operation_id, happened_at, state_from, state_to, source_id, reason, details)
    VALUES (NEW.id, NEW.state_at, before, NEW.state, nullif(current_setting('billing.source_id', true), '')::bigint,
            coalesce(current_setting('billing.reason', true), ''),
            jsonb_build_object('rows_good', NEW.rows_good, 'rows_bad', NEW.rows_bad, 'cursor', NEW.cursor, 'rows_posted', NEW.rows_posted,
                               'rows_refused', NEW.rows_refused, 'mode', NEW.mode, 'mapping_name', NEW.mapping_name, 'approval', NEW.approval_id));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER massops_record AFTER INSERT OR UPDATE ON public.massops_massoperation FOR EACH ROW EXECUTE FUNCTION public.massops_record();
ALTER TABLE public.massops_massoperation ENABLE ALWAYS TRIGGER massops_record;
