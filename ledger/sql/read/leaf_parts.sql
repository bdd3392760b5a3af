-- Operations of a book as parts of their leaves, in id order: the text before the entries and after them (ledger/sealing/leaves.py is the
-- reference, a test compares byte for byte), what the code covers (ledger/sealing/mac.py), the code, and where the entries lie.
-- Inputs: the book and its name as quoted JSON text; ids above one, up to another; at most so many.
-- Cost:   one range of the key, about 4 µs of CPU a row: the texts are made here, so that this work runs beside the hashing. Texts become
--         bytes by textsend, in the encoding of the session, which Django and psycopg make UTF-8; a time is written once where two are the same.
SELECT o.id,
       textsend('{"book":' || %b::text || ',"credential":' || to_json(o.credential) || ',"detail":"'
         || encode(sha256(o.salt || o.message || '\x00'::bytea || textsend(coalesce(o.signature, '')) || '\x00'::bytea
                          || textsend(coalesce(o.request_id, '')) || '\x00'::bytea || textsend(coalesce(o.traceparent, ''))), 'hex')
         || '","effective_at":"' || CASE WHEN o.effective_at = o.recorded_at THEN o.recorded
                                         ELSE to_char(o.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END || '","entries":['),
       textsend('],"id":"' || o.id || '","key":' || to_json(o.key) || ',"kind":' || to_json(o.kind)
         || ',"message_hash":"' || encode(o.message_hash, 'hex') || '","outcome":' || to_json(o.outcome)
         || ',"received_at":"' || to_char(o.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
         || '","recorded_at":"' || o.recorded
         || '","reverses":' || coalesce('"' || o.reverses || '"', 'null') || ',"salt":"' || encode(o.salt, 'hex')
         || '","source":"' || o.source_id || '","type":"operation","v":"1"}'),
       int4send(o.book_id) || int8send(o.source_id) || int8send(coalesce(o.reverses, 0)) || o.message_hash || textsend(o.kind)
         || '\x00'::bytea || textsend(o.key) || '\x00'::bytea || textsend(o.credential),
       o.mac, o.mac_key, o.entry_first, o.entry_last
FROM (SELECT x.*, to_char(x.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded
      FROM public.ledger_operation x
      WHERE x.book_id = %b::int AND x.id > %b::bigint AND x.id <= %b::bigint ORDER BY x.id LIMIT %b::int) o
ORDER BY o.id
