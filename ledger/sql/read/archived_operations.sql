-- Operations of some books above one id up to another, in id order, as an archive keeps them. PostgreSQL reads each column back as it was.
-- Inputs: books, two ids. Cost: one range of the key for each book.
SELECT o.id, o.book_id, o.source_id, o.key, o.kind, '\x' || encode(o.message, 'hex') AS message, '\x' || encode(o.message_hash, 'hex') AS message_hash,
       o.credential, to_char(o.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS received_at,
       to_char(o.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded_at,
       to_char(o.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS effective_at,
       o.outcome, o.reverses, o.metadata, o.refused_accounts, o.entry_first, o.entry_last, o.request_id, o.traceparent, o.signature,
       '\x' || encode(o.mac, 'hex') AS mac, o.mac_key, '\x' || encode(o.salt, 'hex') AS salt
FROM public.ledger_operation o WHERE o.book_id = ANY (%s) AND o.id > %s AND o.id <= %s ORDER BY o.id
