-- Operations of a book as parts of their leaves, in id order: the text before the entries and after them (ledger/sealing/leaves.py is the
-- reference, a test compares byte for byte), what the code covers (ledger/sealing/mac.py), the code, and where the entries lie.
-- Inputs: the book and its name as quoted JSON text; ids above one, up to another; at most so many.
-- Cost:   one range of the key, about 8 µs of CPU a row: the texts are made here, so that this work runs beside the hashing.
SELECT o.id,
       convert_to('{"book":' || %b::text || ',"credential":' || to_json(o.credential) || ',"detail":"'
         || encode(sha256(o.salt || o.message || '\x00'::bytea || convert_to(coalesce(o.signature, ''), 'UTF8') || '\x00'::bytea
                          || convert_to(coalesce(o.request_id, ''), 'UTF8') || '\x00'::bytea || convert_to(coalesce(o.traceparent, ''), 'UTF8')), 'hex')
         || '","effective_at":"' || to_char(o.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","entries":[', 'UTF8'),
       convert_to('],"id":"' || o.id || '","key":' || to_json(o.key) || ',"kind":' || to_json(o.kind)
         || ',"message_hash":"' || encode(o.message_hash, 'hex') || '","outcome":' || to_json(o.outcome)
         || ',"received_at":"' || to_char(o.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
         || '","recorded_at":"' || to_char(o.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
         || '","reverses":' || coalesce('"' || o.reverses || '"', 'null') || ',"salt":"' || encode(o.salt, 'hex')
         || '","source":"' || o.source_id || '","type":"operation","v":"1"}', 'UTF8'),
       int4send(o.book_id) || int8send(o.source_id) || int8send(coalesce(o.reverses, 0)) || o.message_hash || convert_to(o.kind, 'UTF8')
         || '\x00'::bytea || convert_to(o.key, 'UTF8') || '\x00'::bytea || convert_to(o.credential, 'UTF8'),
       o.mac, o.mac_key, o.entry_first, o.entry_last
FROM public.ledger_operation o
WHERE o.book_id = %b::int AND o.id > %b::bigint AND o.id <= %b::bigint
ORDER BY o.id LIMIT %b::int
