-- What is wrong with the guards of the ledger's tables and their partitions: triggers that are missing or not ENABLE ALWAYS, a guard
-- function that refuses nothing, and rights of the runtime role beyond SELECT. Inputs: the runtime role. Result: table, what is wrong.
-- Cost: a look at the catalog.
WITH guarded (name, operations) AS (VALUES
  ('accounts_account', '{delete,truncate}'::text[]), ('accounts_account_change', '{update,delete,truncate}'),
  ('ledger_entry', '{update,delete,truncate}'), ('ledger_operation', '{update,delete,truncate}'),
  ('ledger_operation_key', '{update,delete,truncate}'), ('ledger_mark', '{update,delete,truncate}'),
  ('ledger_snapshot', '{update,truncate}'), ('ledger_seal_block', '{update,delete,truncate}'),
  ('ledger_seal_node', '{update,delete,truncate}'), ('ledger_seal_quarantine', '{update,delete,truncate}'),
  ('ledger_seal_checkpoint', '{update,delete,truncate}'), ('ledger_seal_cosignature', '{update,delete,truncate}'),
  ('ledger_seal_publication', '{update,delete,truncate}'), ('ledger_seal_acknowledgement', '{update,delete,truncate}'), ('ledger_archive', '{update,delete,truncate}'),
  ('ledger_verification', '{update,delete,truncate}')),
relation AS (
  SELECT c.oid, c.relname, g.operations FROM guarded g JOIN pg_catalog.pg_class c ON c.oid = to_regclass('public.' || g.name)
  UNION ALL
  SELECT c.oid, c.relname, g.operations FROM guarded g
  JOIN pg_catalog.pg_inherits i ON i.inhparent = to_regclass('public.' || g.name) JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
  UNION ALL -- what was detached and not dropped yet
  SELECT c.oid, c.relname, g.operations FROM guarded g
  JOIN pg_catalog.pg_class c ON g.name = 'ledger_operation' AND c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
       AND c.relname ~ '^ledger_operation_[pr]\d+$')
SELECT r.relname, 'It does not refuse ' || upper(operation.name) || '.'
FROM relation r CROSS JOIN LATERAL unnest(r.operations) operation(name)
WHERE NOT EXISTS (
  SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  WHERE t.tgrelid = r.oid AND t.tgname = 'appendonly_' || operation.name AND t.tgenabled = 'A' AND p.proname = 'appendonly_refuse')
UNION ALL
SELECT 'accounts_account', 'It does not record its changes.'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = 'public.accounts_account'::regclass AND t.tgname = 'accounts_record_change' AND t.tgenabled = 'A')
UNION ALL
SELECT 'appendonly_refuse', 'The guard refuses nothing.'
FROM pg_catalog.pg_proc p WHERE p.oid = 'public.appendonly_refuse'::regproc AND p.prosrc !~ '^\s*BEGIN\s+RAISE EXCEPTION'
UNION ALL
SELECT r.relname, 'The role of the application may ' || verb.name || '.'
FROM relation r CROSS JOIN unnest('{INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) verb(name)
JOIN pg_catalog.pg_class c ON c.oid = r.oid
WHERE %(role)s <> pg_get_userbyid(c.relowner) AND to_regrole(%(role)s) IS NOT NULL AND NOT (SELECT x.rolsuper FROM pg_catalog.pg_roles x WHERE x.rolname = %(role)s)
  AND has_table_privilege(%(role)s, r.oid, verb.name)
ORDER BY 1, 2
