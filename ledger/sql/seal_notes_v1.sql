-- What follows a block after its commit: its signed head, cosignatures, publications, and what verifications say. Each is one row.
-- Invariant: a head is signed for a size that a block ends with, once; saying the same again changes nothing.
CREATE FUNCTION public.ledger_seal_checkpoint_v1(p_book integer, p_size bigint, p_note text) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO ledger_seal_checkpoint (book_id, size, incarnation, note)
  SELECT b.book_id, b.size, b.incarnation, p_note FROM ledger_seal_block b WHERE b.book_id = p_book AND b.size = p_size ON CONFLICT DO NOTHING;
  RETURN FOUND;
END $$;
CREATE FUNCTION public.ledger_seal_cosignature_v1(p_book integer, p_size bigint, p_witness text, p_line text) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO ledger_seal_cosignature (book_id, size, witness, line)
  SELECT c.book_id, c.size, p_witness, p_line FROM ledger_seal_checkpoint c WHERE c.book_id = p_book AND c.size = p_size ON CONFLICT DO NOTHING;
  RETURN FOUND;
END $$;
CREATE FUNCTION public.ledger_seal_publication_v1(p_book integer, p_size bigint, p_sink text) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO ledger_seal_publication (book_id, sink, size)
  SELECT c.book_id, p_sink, c.size FROM ledger_seal_checkpoint c WHERE c.book_id = p_book AND c.size = p_size ON CONFLICT DO NOTHING;
  RETURN FOUND;
END $$;
CREATE FUNCTION public.ledger_note_verification_v1(
  p_run uuid, p_mode text, p_state text, p_done bigint, p_total bigint, p_exit_code smallint, p_report jsonb) RETURNS bigint LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  INSERT INTO ledger_verification (run, mode, state, done, total, exit_code, report)
  VALUES (p_run, p_mode, p_state, p_done, p_total, p_exit_code, p_report) RETURNING id
$$;
