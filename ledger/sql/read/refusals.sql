-- Refusals of a book by step of time and code, of the newest ones. Inputs: book, after (an operation id), since, step (seconds), most (how many refusals to look at).
-- Cost: a range of the index of refusals, at most `most` of them and their rows.
SELECT floor(extract(epoch FROM o.recorded_at - %(since)s::timestamptz) / %(step)s)::integer AS number, o.outcome, count(*)
FROM (SELECT x.recorded_at, x.outcome FROM ledger_operation x
      WHERE x.book_id = %(book)s AND x.outcome <> 'accepted' AND x.id > %(after)s ORDER BY x.id DESC LIMIT %(most)s) o
WHERE o.recorded_at >= %(since)s
GROUP BY 1, 2 ORDER BY 1, 2
