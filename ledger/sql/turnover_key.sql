-- The key of turnover includes the sums (see aggregates.sql), also where the table was made without.
-- Invariant: none is touched; the key stays as unique as it was. Cost: one pass over turnover; the aggregator waits, no poster does.
ALTER TABLE public.ledger_turnover DROP CONSTRAINT ledger_turnover_pkey;
ALTER TABLE public.ledger_turnover ADD CONSTRAINT ledger_turnover_pkey
  PRIMARY KEY (book_id, account_id, effective_on) INCLUDE (increments, decrements);
