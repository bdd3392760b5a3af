-- The books with operations in a range of ids: book, name, how many, whether all of them are sealed. Inputs: ids above one, up to another.
-- Cost: reads the keys of the range.
SELECT o.book_id, k.name, count(*),
       max(o.id) <= coalesce((SELECT b.to_id FROM public.ledger_seal_block b WHERE b.book_id = o.book_id ORDER BY b.number DESC LIMIT 1), 0)
FROM public.ledger_operation o JOIN public.accounts_book k ON k.id = o.book_id
WHERE o.id > %(from)s AND o.id <= %(to)s
GROUP BY o.book_id, k.name ORDER BY o.book_id
