-- What searches use of a book's operations, beside the message that says it: operations whose row has metadata or accounts of a refusal, or
-- whose message may say some: id, message, what it reverses, the metadata as text, the accounts of the refusal,
-- whether it was accepted, and whether it is reduced (reduced_partition_v1.sql): then the message does not name accounts any more.
-- Inputs: book, ids above one up to another. The word in a message may be escaped, so a message with a backslash counts too.
-- Cost: one range of the key; only what is asked for leaves the database.
SELECT o.id, o.message, o.reverses, o.metadata::text, o.refused_accounts, o.entry_first IS NOT NULL,
       octet_length(o.salt) = 0 AS is_reduced
FROM public.ledger_operation o
WHERE o.book_id = %b::int AND o.id > %b::bigint AND o.id <= %b::bigint
  AND (o.metadata IS NOT NULL OR position('metadata'::bytea IN o.message) > 0 OR position('\x5c'::bytea IN o.message) > 0
       OR o.refused_accounts IS NOT NULL OR o.outcome <> 'accepted')
ORDER BY o.id
