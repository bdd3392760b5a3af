-- A batch through the posting function with binary arrays, as ledger/posting.py sends it; run by psycopg, not by pgbench.
SELECT o_operation, o_outcome, o_replayed, o_recorded, o_entry FROM public.ledger_post_v1(
  %(book)b::int, %(source)b::bigint[], %(key)b::text[], %(kind)b::text[], %(message)b::bytea[], %(hash)b::bytea[],
  %(credential)b::text[], %(received)b::timestamptz[], %(effective)b::timestamptz[], NULL::bigint[], NULL::jsonb[],
  NULL::text[], %(ordinal)b::int[], %(account)b::bigint[], %(amount)b::numeric[], false)
