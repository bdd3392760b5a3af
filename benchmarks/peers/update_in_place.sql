-- The opponent: the usual ledger that keeps a balance in the account's row and updates it under a row lock.
-- Purpose:   what a posting costs without the append-only design, everything else equal: same tables (LIKE the ledger's own, so
--            they stay equal), same partitioning, same indexes, same key, message and entry rows, one round trip, no guards.
--            It is written to be as fast as it can be: one operation at a time, a single entry takes its lock by the UPDATE itself.
-- Inputs:    run once, as the owner, after the benchmark's accounts exist; copies them.
-- Invariant: the balance column equals the sum of the entries; locks are taken in account order, so there are no deadlocks.
CREATE SCHEMA peer;
CREATE TABLE peer.account (LIKE public.accounts_account INCLUDING ALL, balance numeric(38,0) NOT NULL DEFAULT 0) WITH (fillfactor = 50);
INSERT INTO peer.account SELECT a.*, 0 FROM public.accounts_account a;

CREATE TABLE peer.operation_key (LIKE public.ledger_operation_key INCLUDING ALL) PARTITION BY HASH (key);
DO $$
BEGIN
  FOR remainder IN 0..15 LOOP
    EXECUTE format('CREATE TABLE peer.operation_key_%s PARTITION OF peer.operation_key FOR VALUES WITH (MODULUS 16, REMAINDER %s)', remainder, remainder);
  END LOOP;
END $$;
CREATE SEQUENCE peer.operation_id_seq;
CREATE TABLE peer.operation (LIKE public.ledger_operation INCLUDING ALL) PARTITION BY RANGE (id);
ALTER TABLE peer.operation ALTER COLUMN id SET DEFAULT nextval('peer.operation_id_seq');
CREATE TABLE peer.operation_p1 PARTITION OF peer.operation FOR VALUES FROM (1) TO (MAXVALUE);
CREATE SEQUENCE peer.entry_id_seq;
CREATE TABLE peer.entry (LIKE public.ledger_entry INCLUDING ALL) PARTITION BY RANGE (id);
ALTER TABLE peer.entry ALTER COLUMN id SET DEFAULT nextval('peer.entry_id_seq');
CREATE TABLE peer.entry_p1 PARTITION OF peer.entry FOR VALUES FROM (1) TO (MAXVALUE);

-- peer.post: posts one operation; returns its id, the stored one's for a key that was used before. A floor refuses by an error, which undoes all.
CREATE FUNCTION peer.post(p_book integer, p_source bigint, p_key text, p_message bytea, p_hash bytea, p_account bigint[], p_amount numeric[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE operation bigint := nextval('peer.operation_id_seq'); entries bigint[]; below boolean; total CONSTANT integer := cardinality(p_account);
BEGIN
  INSERT INTO peer.operation_key (book_id, source_id, key, operation_id) VALUES (p_book, p_source, p_key, operation) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN (SELECT k.operation_id FROM peer.operation_key k WHERE k.book_id = p_book AND k.source_id = p_source AND k.key = p_key);
  END IF;

  IF total = 1 THEN
    UPDATE peer.account a SET balance = a.balance + p_amount[1] WHERE a.book_id = p_book AND a.id = p_account[1]
      RETURNING a.balance < a.floor AND p_amount[1] < 0 INTO below;
  ELSE
    PERFORM FROM peer.account a WHERE a.book_id = p_book AND a.id = ANY (p_account) ORDER BY a.id FOR NO KEY UPDATE;
    WITH changed AS (
      UPDATE peer.account a SET balance = a.balance + net.amount
      FROM (SELECT e.account, sum(e.amount) AS amount FROM unnest(p_account, p_amount) e(account, amount) GROUP BY e.account) net
      WHERE a.book_id = p_book AND a.id = net.account RETURNING a.balance < a.floor AND net.amount < 0 AS below)
    SELECT bool_or(changed.below) INTO below FROM changed;
  END IF;
  IF below THEN RAISE EXCEPTION 'below floor' USING ERRCODE = 'LG002'; END IF;

  WITH entry AS (
    INSERT INTO peer.entry (book_id, operation_id, account_id, amount, effective_at)
    SELECT p_book, operation, e.account, e.amount, clock_timestamp() FROM unnest(p_account, p_amount) e(account, amount) RETURNING id)
  SELECT array_agg(entry.id) INTO entries FROM entry;
  INSERT INTO peer.operation (id, book_id, source_id, key, kind, message, message_hash, credential, received_at, effective_at, outcome, entry_first, entry_last)
  VALUES (operation, p_book, p_source, p_key, 'operation', p_message, p_hash, 'benchmark', clock_timestamp(), clock_timestamp(), 'accepted',
          entries[1], entries[total]);
  RETURN operation;
END $$;
