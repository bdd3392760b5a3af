-- The attached partitions of operations: name, the id above which each begins, the id with which it ends, whether it is a reduced one
-- (sql/reduced_partition_v1.sql). Cost: a look at the catalog.
SELECT c.relname, bound.part[1]::bigint - 1, bound.part[2]::bigint - 1, c.relname ~ '^ledger_operation_r\d+$'
FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(-?\d+)''\) TO \(''(\d+)''\)') bound(part)
WHERE i.inhparent = 'public.ledger_operation'::regclass AND NOT i.inhdetachpending
ORDER BY 2
