-- Accounts with floors for the benchmark: as many as it has without, of each of three kinds, told apart by their codes.
-- Purpose:   rich:N   far above its floor; its fast limit comes from ledger_set_fast_limit_v2 afterwards: decrements pass side by side.
--            locked:N as rich, but fixed to have no fast limit: every decrement takes the exclusive lock, the opponent of the gate.
--            near:N   at its floor, with nothing on it: every decrement is judged exactly.
-- Inputs:    run once, as the owner, after the accounts bench:N exist.
INSERT INTO public.accounts_account (book_id, code, unit_id, floor, gated, fast_debit_fixed)
SELECT a.book_id, kind.prefix || substr(a.code, 6), a.unit_id, 0, true, kind.prefix = 'locked'
FROM (VALUES ('rich'), ('locked'), ('near')) kind(prefix), public.accounts_account a
WHERE a.code LIKE 'bench:%'
ORDER BY kind.prefix, a.id;

SELECT cardinality((public.ledger_post_v1(
  funded.book_id, funded.sources, funded.keys, funded.kinds, funded.messages, funded.hashes, funded.credentials, funded.moments,
  funded.effective, NULL, NULL, NULL, funded.ordinals, funded.accounts, funded.amounts, false)).o_operation)
FROM (SELECT a.book_id, array_agg(s.id) AS sources, array_agg('funds ' || a.code) AS keys, array_agg('operation'::text) AS kinds,
             array_agg('{}'::bytea) AS messages, array_agg(sha256(a.code::bytea)) AS hashes, array_agg('benchmark'::text) AS credentials,
             array_agg(clock_timestamp()) AS moments, array_agg(NULL::timestamptz) AS effective,
             array_agg(a.place) AS ordinals, array_agg(a.id) AS accounts, array_agg(1e15::numeric) AS amounts
      FROM (SELECT x.*, row_number() OVER (ORDER BY x.id)::integer AS place FROM public.accounts_account x
            WHERE x.code LIKE 'rich:%' OR x.code LIKE 'locked:%') a,
           (SELECT max(x.id) AS id FROM public.security_source x WHERE x.name = 'benchmark') s
      GROUP BY a.book_id) funded;
