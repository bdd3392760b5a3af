-- ledger_add_partitions_v2: makes sure that operation and entry have at least p_ahead empty partitions above the newest id.
-- Invariant: I8, there is always a partition for the next id (there is no DEFAULT partition to hide a late one), and each
--            partition is guarded like its parent. A name is given once: the next number follows the highest of all tables of that name, also of
--            detached and reduced ones (reduced_partition_v1.sql), and not how many are attached.
-- Cost:      none when nothing is missing. A new partition is created beside its parent and then attached, which lets postings go on:
--            CREATE TABLE ... PARTITION OF would wait for every posting under way, and make all others wait behind it.
--            Serialized by an advisory lock.
CREATE OR REPLACE FUNCTION public.ledger_add_partitions_v2(p_ahead integer DEFAULT 2, p_rows bigint DEFAULT 20000000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  parent text; part text; newest bigint; top bigint; number integer; added integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(1, 1);
  FOREACH parent IN ARRAY ARRAY['ledger_operation', 'ledger_entry'] LOOP
    EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM %I', parent || '_id_seq') INTO newest;
    SELECT coalesce(max((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''(\d+)''\)'))[1]::bigint), 1)
      INTO top FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = parent::regclass;
    SELECT coalesce(max((regexp_match(c.relname, '_[pr](\d+)$'))[1]::integer), 0) INTO number
      FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname ~ ('^' || parent || '_[pr]\d+$');
    WHILE top <= newest + p_ahead * p_rows LOOP
      number := number + 1;
      part := parent || '_p' || lpad(number::text, 5, '0');
      EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part, parent);
      IF parent = 'ledger_entry' THEN PERFORM ledger_prime_entries_v1(format('public.%I', part)::regclass, top); END IF;
      PERFORM appendonly_guard(format('public.%I', part)::regclass);
      EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)', parent, part, top, top + p_rows);
      top := top + p_rows;
      added := added + 1;
    END LOOP;
  END LOOP;
  RETURN added;
END $$;

-- Processes of the version before this one call the old name for a while.
CREATE OR REPLACE FUNCTION public.ledger_add_partitions_v1(p_ahead integer DEFAULT 2, p_rows bigint DEFAULT 20000000) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS 'SELECT public.ledger_add_partitions_v2(p_ahead, p_rows)';
