-- Accounts and the record of their changes.
-- Invariants: I2, an account's identity (id, book, code, unit, opened_at) never changes: a trigger refuses it.
--             I3, every change of an attribute leaves a row in accounts_account_change: a trigger writes it, so no caller can forget.
-- Written by accounts_open_v1, ledger_change_account_v1 and the aggregator (fast debit limits) only. A poster reads one row by primary key and
-- neither writes nor locks it, with one exception: fast_debit_since (fast_debit_since.sql).
CREATE SEQUENCE public.accounts_account_id_seq CACHE 1;
CREATE TABLE public.accounts_account (
  id bigint NOT NULL DEFAULT (CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('public.accounts_account_id_seq') END),
  book_id integer NOT NULL,
  code text COLLATE "C" NOT NULL CHECK (char_length(code) BETWEEN 1 AND 128),
  unit_id integer NOT NULL,
  name text NOT NULL DEFAULT '',
  metadata jsonb NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'frozen', 'closing', 'closed')),
  floor numeric(38,0),
  -- Once gated, decrements pass the headroom gate; set before a first floor binds and never taken back.
  gated boolean NOT NULL DEFAULT false CHECK (gated OR floor IS NULL),
  -- The most that one posting call may take without being judged one by one (M of the gate). The aggregator sets it from the
  -- headroom, unless a person fixed it.
  fast_debit_limit numeric(38,0) CHECK (fast_debit_limit > 0),
  fast_debit_fixed boolean NOT NULL DEFAULT false,
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (book_id, id),
  UNIQUE (book_id, code)
);
-- Most books may be small and one large: an average would make the planner look for an account of the large one through the key of
-- codes, reading all of the book. Told that there is one book, it takes the key of ids.
ALTER TABLE public.accounts_account ALTER COLUMN book_id SET (n_distinct = 1);
CREATE INDEX accounts_account_name ON public.accounts_account (book_id, lower(name) text_pattern_ops) WHERE name <> '';
-- Lists by unit and by status, in the order of codes; most accounts are open, so only the others are in the second.
CREATE INDEX accounts_account_unit ON public.accounts_account (book_id, unit_id, code);
CREATE INDEX accounts_account_not_open ON public.accounts_account (book_id, status, code) WHERE status <> 'open';

CREATE TABLE public.accounts_account_change (
  id bigint GENERATED ALWAYS AS IDENTITY,
  book_id integer NOT NULL,
  account_id bigint NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  source_id bigint,
  reason text NOT NULL,
  before jsonb,
  after jsonb NOT NULL,
  PRIMARY KEY (book_id, id)
);
CREATE INDEX accounts_account_change_account ON public.accounts_account_change (book_id, account_id, id);
SELECT public.appendonly_guard('public.accounts_account_change');
SELECT public.appendonly_guard('public.accounts_account', '{DELETE,TRUNCATE}');
SELECT public.appendonly_guard('public.accounts_book');
SELECT public.appendonly_guard('public.accounts_unit');

-- The attributes of an account that may change, as one document.
CREATE FUNCTION public.accounts_attributes(a public.accounts_account) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('name', a.name, 'metadata', a.metadata, 'status', a.status, 'floor', a.floor::text,
                            'fast_debit_limit', CASE WHEN a.fast_debit_fixed THEN a.fast_debit_limit::text END)
$$;

-- Who and why come from the two settings of the changing transaction; a change without them is still recorded.
CREATE FUNCTION public.accounts_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.id, NEW.book_id, NEW.code, NEW.unit_id, NEW.opened_at) IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.code, OLD.unit_id, OLD.opened_at)
     OR (OLD.gated AND NOT NEW.gated) THEN
    RAISE EXCEPTION 'the identity of account % never changes', OLD.id USING ERRCODE = 'restrict_violation';
  END IF;
  IF public.accounts_attributes(NEW) IS DISTINCT FROM public.accounts_attributes(OLD) THEN
    PERFORM pg_current_xact_id(); -- I5: before the change draws its id
    INSERT INTO public.accounts_account_change (book_id, account_id, source_id, reason, before, after)
    VALUES (NEW.book_id, NEW.id, nullif(current_setting('billing.source_id', true), '')::bigint,
            coalesce(current_setting('billing.reason', true), ''), public.accounts_attributes(OLD), public.accounts_attributes(NEW));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_record_change BEFORE UPDATE ON public.accounts_account FOR EACH ROW EXECUTE FUNCTION public.accounts_record_change();
ALTER TABLE public.accounts_account ENABLE ALWAYS TRIGGER accounts_record_change;
