-- Archives: which file holds a book's operations of which range of ids, by its hash; a block's header names it, so the chain keeps it.
-- Invariants: I54 no archive is noted that the header of its block does not name. I1 nothing here is ever changed.
-- The operations of the range lie in the file from then on; the partition may be detached (docs/seal.md), which this does not do.
CREATE TABLE public.ledger_archive (
  book_id integer NOT NULL,
  name text COLLATE "C" NOT NULL,
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  from_id bigint NOT NULL,
  to_id bigint NOT NULL CHECK (to_id > from_id),
  operations bigint NOT NULL CHECK (operations > 0),
  block_number bigint NOT NULL,
  noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (book_id, from_id, sha256)
);
SELECT public.appendonly_guard('public.ledger_archive');

-- ledger_note_archive_v1: notes an archive that the header of a block names. Invariant: I54.
CREATE FUNCTION public.ledger_note_archive_v1(
  p_book integer, p_block bigint, p_name text, p_sha256 bytea, p_from bigint, p_to bigint, p_operations bigint) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM ledger_seal_block b
    CROSS JOIN LATERAL jsonb_array_elements(convert_from(b.header, 'UTF8')::jsonb -> 'archives') archive(said)
    WHERE b.book_id = p_book AND b.number = p_block AND archive.said = jsonb_build_object(
      'from', p_from::text, 'name', p_name, 'operations', p_operations::text, 'sha256', encode(p_sha256, 'hex'), 'to', p_to::text)) THEN
    RAISE EXCEPTION 'block % of book % does not name the archive %', p_block, p_book, p_name;
  END IF;
  INSERT INTO ledger_archive (book_id, name, sha256, from_id, to_id, operations, block_number)
  VALUES (p_book, p_name, p_sha256, p_from, p_to, p_operations, p_block) ON CONFLICT DO NOTHING;
END $$;
