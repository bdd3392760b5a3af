-- Reduced partitions: when a partition of operations is archived and detached, a partition with the same operations takes its place, without what only
-- lineage and receipts show (of the message it has the description and the metadata). So whatever else reads operations, postings above all, reads
-- what it read before (docs/decisions/0022-a-detached-partition-leaves-reduced-operations.md).
-- Nothing here runs with the owner's rights: who calls it must own the tables, and the role of the application does not.
-- A reduced operation has an empty salt; no other has, and none can be sealed like that unnoticed: it would not make its leaf.

-- ledger_open_reduced_v1: makes the table for the reduced operations of a partition, where it is not there yet; beside its parent, not attached.
-- Inputs:    the number in the partition's name; the ids above one, up to another.
-- Result:    its name, and the newest operation in it (an interrupted detaching goes on behind it).
-- Cost:      reads the table; it is empty, or was left behind.
CREATE FUNCTION public.ledger_open_reduced_v1(p_number text, p_from bigint, p_to bigint, OUT o_name text, OUT o_newest bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  o_name := 'ledger_operation_r' || p_number;
  IF to_regclass(format('public.%I', o_name)) IS NULL THEN
    EXECUTE format('CREATE TABLE public.%I (LIKE public.ledger_operation INCLUDING ALL)', o_name);
    PERFORM appendonly_guard(format('public.%I', o_name)::regclass);
    PERFORM ledger_bound_v1(o_name, p_from, p_to);
  END IF;
  EXECUTE format('SELECT coalesce(max(id), %s) FROM public.%I', p_from, o_name) INTO o_newest;
END $$;

-- ledger_bound_v1: lets a table say which ids it has, so that attaching it reads nothing while everybody waits. Cost: reads the table once.
CREATE FUNCTION public.ledger_bound_v1(p_table text, p_from bigint, p_to bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = format('public.%I', p_table)::regclass AND c.conname = 'ledger_ids') THEN
    EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT ledger_ids CHECK (id >= %s AND id < %s)', p_table, p_from + 1, p_to + 1);
  END IF;
END $$;

-- ledger_reduced_faults_v1: operations that a partition and its reduced one do not both have, or in which what stays differs; at most ten.
-- Cost:      reads both once.
CREATE FUNCTION public.ledger_reduced_faults_v1(p_full text, p_reduced text) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT coalesce(f.id, r.id) FROM public.%I f FULL JOIN public.%I r ON r.book_id = f.book_id AND r.id = f.id
     WHERE (f.source_id, f.key, f.kind, f.message_hash, f.credential, f.received_at, f.recorded_at, f.effective_at, f.outcome, f.reverses, f.metadata,
            f.refused_accounts, f.entry_first, f.entry_last)
       IS DISTINCT FROM (r.source_id, r.key, r.kind, r.message_hash, r.credential, r.received_at, r.recorded_at, r.effective_at, r.outcome, r.reverses,
                         r.metadata, r.refused_accounts, r.entry_first, r.entry_last)
     LIMIT 10', p_full, p_reduced);
END $$;

-- ledger_exchange_partition_v1: one partition of operations out, another one for the same ids in.
-- Inputs:    names; the ids above one, up to another.
-- Invariants: I56, both in one transaction: no statement ever sees neither or both. The parent is locked first, as every reader and writer does.
-- Waits:     for what holds on to the operations, at most the lock_timeout below: for so long may new postings wait behind it. Then it fails with
--            lock_not_available, nothing is changed, and the caller tries again.
-- Cost:      a change of the catalog; no row is read.
CREATE FUNCTION public.ledger_exchange_partition_v1(p_out text, p_in text, p_from bigint, p_to bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '200ms' AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(1, 1); -- partitions are added under it
  LOCK TABLE ONLY public.ledger_operation IN ACCESS EXCLUSIVE MODE;
  EXECUTE format('ALTER TABLE public.ledger_operation DETACH PARTITION public.%I', p_out);
  EXECUTE format('ALTER TABLE public.ledger_operation ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)', p_in, p_from + 1, p_to + 1);
END $$;
