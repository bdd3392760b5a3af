-- One stretch of the history of a ledger that has grown for a while, made by the server itself.
-- Purpose:   the figures growth.*: the same reads and posts beside few entries and beside many.
-- Inputs:    book, source, first account, first and last operation of the stretch (of two entries each), start of the ledger.
--            Run as the owner, stretch after stretch; the sequences stand at the end of the stretch.
-- What it is: 100,000 entries a day. One account, the first, takes part in every 50th operation; all others are 9,999 at random. One
--            operation in 97 is back-dated by ten days.
-- Invariant: I9 for the marks made here, one for each 1,000 entries, as a second of a busy ledger leaves: it is taken after its own
--            last entry was recorded and closed before the next one was.
WITH stretch AS MATERIALIZED (
  SELECT o AS id, o * 2 AS entry, %(start)s::timestamptz + o * interval '1728 milliseconds' AS recorded,
         CASE WHEN o %% 97 = 0 THEN interval '10 days' ELSE interval '0' END AS late,
         %(account)s::bigint + CASE WHEN o %% 50 = 0 THEN 0 ELSE 1 + (hashint8(o) & 2147483647) %% 9999 END AS debited,
         %(account)s::bigint + 1 + (hashint8(-o) & 2147483647) %% 9999 AS credited
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) o),
keys AS (
  INSERT INTO public.ledger_operation_key (book_id, source_id, key, operation_id)
  SELECT %(book)s, %(source)s, md5(s.id::text), s.id FROM stretch s),
entries AS (
  INSERT INTO public.ledger_entry (id, book_id, operation_id, account_id, amount, recorded_at, effective_at)
  SELECT e.id, %(book)s, s.id, e.account, e.amount, s.recorded, s.recorded - s.late
  FROM stretch s CROSS JOIN LATERAL (VALUES (s.entry - 1, s.debited, -1 - s.id %% 1000), (s.entry, s.credited, 1 + s.id %% 1000)) e(id, account, amount)),
marks AS (
  INSERT INTO public.ledger_mark (taken_at, closed_at, operation_id, entry_id)
  SELECT s.recorded + interval '500 milliseconds', s.recorded + interval '1 second', s.id, s.entry FROM stretch s WHERE s.id %% 500 = 0 ORDER BY s.id)
INSERT INTO public.ledger_operation (id, book_id, source_id, key, kind, message, message_hash, credential, received_at, recorded_at, effective_at,
                                     outcome, entry_first, entry_last)
SELECT s.id, %(book)s, %(source)s, md5(s.id::text), 'operation', convert_to(repeat('m', 120), 'UTF8'), sha256(s.id::text::bytea), 'benchmark',
       s.recorded, s.recorded, s.recorded - s.late, 'accepted', s.entry - 1, s.entry
FROM stretch s
