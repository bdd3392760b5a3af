-- ledger_seal_block_v1: appends one block to a book's chain.
-- Inputs:    the block's columns; the complete subtrees that it finished (parallel arrays); the operations that it leaves out, with reasons.
-- Invariant: I51: leaves and quarantined operations are together as many as the rows of the range, and the range begins where the one
--            before ended. I52: number, size and root continue the newest block. I9: the range ends at or below a closed mark, so nothing can
--            still appear in it. Two sealers at once: one waits here and is refused, because its block continues what is no longer newest.
-- Cost:      one range of the operations' key; one row, and one for each 64 leaves.
CREATE FUNCTION public.ledger_seal_block_v1(
  p_book integer, p_number bigint, p_incarnation integer, p_previous_size bigint, p_previous_root bytea, p_root bytea, p_from bigint, p_to bigint,
  p_count integer, p_sealed timestamptz, p_header bytea, p_leaf_hashes bytea, p_level smallint[], p_index bigint[], p_hash bytea[],
  p_quarantined bigint[], p_reason text[])
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE newest ledger_seal_block; rows bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(3, p_book);
  SELECT * INTO newest FROM ledger_seal_block b WHERE b.book_id = p_book ORDER BY b.number DESC LIMIT 1;
  IF (p_number, p_previous_size, p_from) IS DISTINCT FROM (coalesce(newest.number, 0) + 1, coalesce(newest.size, 0), coalesce(newest.to_id, 0))
     OR p_previous_root IS DISTINCT FROM coalesce(newest.root, sha256('')) OR p_incarnation < coalesce(newest.incarnation, 1) THEN
    RAISE EXCEPTION 'block % does not continue the newest block of book %', p_number, p_book USING ERRCODE = 'serialization_failure';
  END IF;
  IF p_to > p_from AND p_to > coalesce((SELECT m.operation_id FROM ledger_mark m ORDER BY m.id DESC LIMIT 1), 0) THEN
    RAISE EXCEPTION 'block % of book % ends beyond the newest closed mark', p_number, p_book;
  END IF;
  SELECT count(*) INTO rows FROM ledger_operation o WHERE o.book_id = p_book AND o.id > p_from AND o.id <= p_to;
  IF rows <> p_count + cardinality(p_quarantined) THEN
    RAISE EXCEPTION 'block % of book % has % leaves for % operations', p_number, p_book, p_count, rows;
  END IF;
  INSERT INTO ledger_seal_block (book_id, number, incarnation, previous_size, size, previous_root, root, from_id, to_id, count, sealed_at, header, leaf_hashes)
  VALUES (p_book, p_number, p_incarnation, p_previous_size, p_previous_size + 1 + p_count, p_previous_root, p_root, p_from, p_to, p_count, p_sealed,
          p_header, p_leaf_hashes);
  INSERT INTO ledger_seal_node (book_id, level, index, hash)
  SELECT p_book, u.level, u.index, u.hash FROM unnest(p_level, p_index, p_hash) u(level, index, hash);
  INSERT INTO ledger_seal_quarantine (book_id, operation_id, block_number, reason)
  SELECT p_book, u.id, p_number, u.reason FROM unnest(p_quarantined, p_reason) u(id, reason);
  RETURN p_previous_size + 1 + p_count;
END $$;
