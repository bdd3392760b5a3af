-- The newest signed head of a book's chain that covers so many leaves, with its cosignatures: one that all witnesses have cosigned, if there is
-- one among the newest, else any.
-- Inputs: book, size, the number of witnesses, how many of the newest cosignatures are looked at. Result: size, note, lines of cosignatures.
-- Cost:   three probes of keys.
WITH cosigned AS (
  SELECT max(g.size) AS size
  FROM (SELECT s.size FROM (SELECT x.size FROM public.ledger_seal_cosignature x WHERE x.book_id = %(book)b::int AND x.size >= %(size)b::bigint
                            ORDER BY x.size DESC, x.witness LIMIT %(rows)b::int) s
        GROUP BY s.size HAVING count(*) >= %(witnesses)b::int) g)
SELECT c.size, c.note, ARRAY(SELECT s.line FROM public.ledger_seal_cosignature s
                             WHERE s.book_id = c.book_id AND s.size = c.size ORDER BY s.witness)
FROM public.ledger_seal_checkpoint c
WHERE c.book_id = %(book)b::int
  AND c.size = coalesce((SELECT size FROM cosigned),
                        (SELECT max(x.size) FROM public.ledger_seal_checkpoint x WHERE x.book_id = %(book)b::int AND x.size >= %(size)b::bigint))
