-- Sources are for ever: operations name their source by id, and idempotency keys are unique within one.
-- Inputs:    none; run once, after the table exists.
-- Invariant: a source is never changed, deleted or given another name, so what was sent stays attributed.
-- Cost:      none for inserts.
SELECT public.appendonly_guard('public.security_source');
