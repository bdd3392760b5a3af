-- ledger_skip_ids_v1: moves the id sequences on by so many, after a restore: ids that lost receipts name are not given to others.
-- Invariant: ids only grow. Cost: none; partitions are there for more than that.
CREATE FUNCTION public.ledger_skip_ids_v1(p_ids bigint) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF p_ids NOT BETWEEN 1 AND 10000000 THEN RAISE EXCEPTION 'between 1 and 10000000 ids are skipped at once'; END IF;
  PERFORM setval('ledger_operation_id_seq', nextval('ledger_operation_id_seq') + p_ids);
  PERFORM setval('ledger_entry_id_seq', nextval('ledger_entry_id_seq') + p_ids);
END $$;
