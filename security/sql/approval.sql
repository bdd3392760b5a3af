-- Approvals: what somebody asked for that may need a second person, what was decided, and what came of it. Three append-only records.
-- Invariants: I1 (guards). I30 nobody decides on what they asked for themselves, and an approval is decided once (primary key of the
--             decision). I31 the effect of an approval is recorded once, and only of an approval that was given or not needed.
-- Written by security_request_approval_v1, security_decide_approval_v1 and security_record_effect_v1 only.
-- I5 holds for the ids: the writer owns its transaction id before it draws one, so the records are ready to be sealed.
CREATE SEQUENCE public.security_approval_id_seq CACHE 1;
CREATE TABLE public.security_approval (
  id bigint PRIMARY KEY DEFAULT (CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('public.security_approval_id_seq') END),
  kind text NOT NULL CHECK (kind <> ''),
  summary text NOT NULL CHECK (summary <> ''),
  payload jsonb NOT NULL,
  amounts jsonb NOT NULL DEFAULT '{}', -- unit to minor units, as text
  requested_by_id bigint NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE public.security_approval_decision (
  approval_id bigint PRIMARY KEY,
  decision text NOT NULL CHECK (decision IN ('not_needed', 'approved', 'rejected', 'withdrawn')),
  decided_by_id bigint CHECK ((decided_by_id IS NULL) = (decision = 'not_needed')),
  reason text NOT NULL,
  decided_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE public.security_approval_effect (
  approval_id bigint PRIMARY KEY,
  outcome text NOT NULL CHECK (outcome IN ('done', 'refused')),
  result jsonb NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT public.appendonly_guard('public.security_approval');
SELECT public.appendonly_guard('public.security_approval_decision');
SELECT public.appendonly_guard('public.security_approval_effect');
