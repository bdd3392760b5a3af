-- The detached tables of operations that still lie beside the ledger, with a reduced partition attached in their place: name, the id above which each
-- begins, the id with which it ends. Cost: a look at the catalog.
SELECT c.relname, bound.part[1]::bigint - 1, bound.part[2]::bigint - 1
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_class r ON r.relnamespace = c.relnamespace AND r.relispartition AND r.relname = replace(c.relname, '_p', '_r')
CROSS JOIN LATERAL regexp_match(pg_get_expr(r.relpartbound, r.oid), 'FROM \(''(-?\d+)''\) TO \(''(\d+)''\)') bound(part)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition AND c.relname ~ '^ledger_operation_p\d+$'
ORDER BY 2
