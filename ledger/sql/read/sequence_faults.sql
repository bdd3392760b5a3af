-- Sequences and defaults of ledger ids that would break the marks (I5): a CACHE other than 1, or a default that draws an id before the
-- transaction owns its own. Result: what is wrong, one sentence a row. Cost: a look at the catalog.
SELECT format('The sequence %s has CACHE %s, not 1.', s.seqrelid::regclass, s.seqcache)
FROM pg_catalog.pg_sequence s
WHERE s.seqrelid IN ('public.ledger_operation_id_seq'::regclass, 'public.ledger_entry_id_seq'::regclass) AND s.seqcache <> 1
UNION ALL
SELECT format('The default of %s.id does not take the transaction id first.', a.attrelid::regclass)
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid IN (SELECT 'public.ledger_operation'::regclass UNION SELECT 'public.ledger_entry'::regclass
                     UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i
                           WHERE i.inhparent IN ('public.ledger_operation'::regclass, 'public.ledger_entry'::regclass))
  AND a.attname = 'id' AND coalesce(pg_get_expr(d.adbin, d.adrelid), '') !~ 'CASE\s+WHEN \(pg_current_xact_id\(\) IS NOT NULL\) THEN nextval'
