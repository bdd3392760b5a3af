-- The newest finished verification: whether it found nothing (exit code 0), and its age in seconds. No row before the first.
-- Cost: a probe from the newest step backwards.
SELECT (v.exit_code = 0)::int, extract(epoch FROM clock_timestamp() - v.noted_at)::float8
FROM public.ledger_verification v WHERE v.state = 'done' ORDER BY v.id DESC LIMIT 1
