-- Tables for the machine's limits: shaped, partitioned and indexed like the ledger's own (LIKE, so they stay equal), without guards.
-- Purpose:   what the disk and the indexes allow when nobody checks anything; the figures limit.* are taken on them.
-- Inputs:    run once, as the owner, after the migrations.
CREATE SCHEMA bench;
CREATE TABLE bench.operation_key (LIKE public.ledger_operation_key INCLUDING ALL) PARTITION BY HASH (key);
DO $$
BEGIN
  FOR remainder IN 0..15 LOOP
    EXECUTE format('CREATE TABLE bench.operation_key_%s PARTITION OF bench.operation_key FOR VALUES WITH (MODULUS 16, REMAINDER %s)', remainder, remainder);
  END LOOP;
END $$;
CREATE TABLE bench.operation (LIKE public.ledger_operation INCLUDING ALL) PARTITION BY RANGE (id);
CREATE TABLE bench.operation_p1 PARTITION OF bench.operation FOR VALUES FROM (1) TO (MAXVALUE);
CREATE SEQUENCE bench.entry_id_seq;
CREATE TABLE bench.entry (LIKE public.ledger_entry INCLUDING ALL) PARTITION BY RANGE (id);
ALTER TABLE bench.entry ALTER COLUMN id SET DEFAULT (CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval('bench.entry_id_seq') END);
CREATE TABLE bench.entry_p1 PARTITION OF bench.entry FOR VALUES FROM (1) TO (MAXVALUE);
-- Numbers for the operations that COPY loads; entries of COPY take theirs far above those of single inserts.
CREATE SEQUENCE bench.copy_seq;
