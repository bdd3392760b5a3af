-- The sessions of this database by state, and how many the server can have. Sessions of other roles show without a state.
-- Cost: a look at the server's processes.
SELECT coalesce(replace(a.state, ' ', '_'), 'unknown'), count(*)
FROM pg_stat_activity a WHERE a.datname = current_database() AND a.backend_type = 'client backend' GROUP BY 1
UNION ALL
SELECT 'max', current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
