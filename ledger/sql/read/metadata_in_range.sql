-- Operations of a book whose message may say metadata, or whose row has some: id, message, the metadata of the row as text.
-- Inputs: book, ids above one up to another. The word in a message may be escaped, so a message with a backslash counts too.
-- Cost: one range of the key; only what is asked for leaves the database.
SELECT o.id, o.message, o.metadata::text
FROM public.ledger_operation o
WHERE o.book_id = %s AND o.id > %s AND o.id <= %s
  AND (o.metadata IS NOT NULL OR position('metadata'::bytea IN o.message) > 0 OR position('\x5c'::bytea IN o.message) > 0)
ORDER BY o.id
