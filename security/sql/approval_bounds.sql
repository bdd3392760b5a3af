-- What bounds an approval: failures of its handler are counted, and after the last one it has failed for good.
-- Invariants: I1 (guards). I31: a failure that is final is the effect of the approval, recorded once.
-- Written by security_record_attempt_v1 only.
CREATE SEQUENCE public.security_approval_attempt_id_seq CACHE 1;
CREATE TABLE public.security_approval_attempt (
  id bigint PRIMARY KEY DEFAULT (CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('public.security_approval_attempt_id_seq') END),
  approval_id bigint NOT NULL,
  reason text NOT NULL,
  attempted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX security_approval_attempt_of ON public.security_approval_attempt (approval_id);
SELECT public.appendonly_guard('public.security_approval_attempt');
ALTER TABLE public.security_approval_effect DROP CONSTRAINT security_approval_effect_outcome_check;
ALTER TABLE public.security_approval_effect ADD CONSTRAINT security_approval_effect_outcome_check CHECK (outcome IN ('done', 'refused', 'failed'));
CREATE INDEX security_approval_effect_failed ON public.security_approval_effect (approval_id) WHERE outcome = 'failed';
CREATE INDEX security_approval_requested_at ON public.security_approval (requested_at);
