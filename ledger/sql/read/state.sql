-- What waits and how old it is: for each class of the inbox its messages and the age of the oldest; and the age of the newest mark while
-- something above it waits for one. Cost: one pass over the inbox, which is a queue and short.
SELECT i.priority, count(*), extract(epoch FROM clock_timestamp() - min(i.received_at))::float8
FROM ledger_inbox i GROUP BY i.priority
UNION ALL
SELECT 0, 0, CASE WHEN s.last_value > coalesce(m.entry_id, 0) AND s.is_called
                  THEN extract(epoch FROM clock_timestamp() - coalesce(m.taken_at, pg_postmaster_start_time())) ELSE 0 END::float8
FROM ledger_entry_id_seq s LEFT JOIN (SELECT entry_id, taken_at FROM ledger_mark ORDER BY id DESC LIMIT 1) m ON true
