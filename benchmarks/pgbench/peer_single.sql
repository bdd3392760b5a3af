-- The same operation as post_single.sql through the update-in-place opponent.
\set account random(:first_account, :last_account)
\set amount random(1, 100000)
SELECT peer.post(
  :book,
  :source,
  gen_random_uuid()::text,
  '{"entries":[{"account":"bench:0001","amount":"12.34"}],"description":"invoice 2026-000123","metadata":{"shop":"berlin"}}'::bytea,
  '\x5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9'::bytea,
  ARRAY[:account]::bigint[],
  ARRAY[:amount]::numeric[]
);
