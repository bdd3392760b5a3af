-- What of archived operations is not as it must be in the tables that stay: keys that are gone, entries with other times than their operation.
-- Inputs: book; parallel arrays of operations: id, source, key, first and last entry, recorded and effective time in microseconds since 2000.
-- Result: operation, what is wrong. Cost: one probe of the keys and one range of the entries for each operation.
WITH operation AS (
  SELECT * FROM unnest(%(ids)s::bigint[], %(sources)s::bigint[], %(keys)s::text[], %(firsts)s::bigint[], %(lasts)s::bigint[],
                       %(recorded)s::bigint[], %(effective)s::bigint[]) u(id, source_id, key, entry_first, entry_last, recorded, effective))
SELECT o.id, 'key', 'Its key is not kept, so the same message could be posted again.'
FROM operation o
WHERE NOT EXISTS (SELECT FROM public.ledger_operation_key k
                  WHERE k.book_id = %(book)s AND k.source_id = o.source_id AND k.key = o.key AND k.operation_id = o.id)
UNION ALL
SELECT o.id, 'entry', 'Entry ' || e.id || ' has other times than its operation.'
FROM operation o
CROSS JOIN LATERAL (SELECT x.id, x.recorded_at, x.effective_at FROM public.ledger_entry x
                    WHERE x.book_id = %(book)s AND x.id BETWEEN o.entry_first AND o.entry_last AND x.operation_id = o.id OFFSET 0) e
WHERE (e.recorded_at, e.effective_at) <> (timestamptz '2000-01-01 00:00:00Z' + o.recorded * interval '1 microsecond',
                                          timestamptz '2000-01-01 00:00:00Z' + o.effective * interval '1 microsecond')
ORDER BY 1
