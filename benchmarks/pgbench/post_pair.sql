-- Near its floor: an increment, then a decrement of as much, each an operation in a transaction of its own; both count.
-- The account has nothing but what such pairs have under way, so every decrement is near the floor and none is refused.
\set account random(:first_account, :last_account)
\set amount random(1, 100000)
\set less -:amount
SELECT o_operation FROM public.ledger_post_v1(
  :book,
  ARRAY[:source]::bigint[],
  ARRAY[gen_random_uuid()::text],
  ARRAY['operation'],
  ARRAY['{"entries":[{"account":"bench:0001","amount":"12.34"}],"description":"invoice 2026-000123","metadata":{"shop":"berlin"}}'::bytea],
  ARRAY['\x5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9'::bytea],
  ARRAY['benchmark'],
  ARRAY[clock_timestamp()],
  ARRAY[NULL]::timestamptz[],
  NULL::bigint[],
  NULL::jsonb[],
  NULL::text[],
  ARRAY[1],
  ARRAY[:account]::bigint[],
  ARRAY[:amount]::numeric[],
  false
);
SELECT o_operation FROM public.ledger_post_v1(
  :book,
  ARRAY[:source]::bigint[],
  ARRAY[gen_random_uuid()::text],
  ARRAY['operation'],
  ARRAY['{"entries":[{"account":"bench:0001","amount":"12.34"}],"description":"invoice 2026-000123","metadata":{"shop":"berlin"}}'::bytea],
  ARRAY['\x5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9'::bytea],
  ARRAY['benchmark'],
  ARRAY[clock_timestamp()],
  ARRAY[NULL]::timestamptz[],
  NULL::bigint[],
  NULL::jsonb[],
  NULL::text[],
  ARRAY[1],
  ARRAY[:account]::bigint[],
  ARRAY[:less]::numeric[],
  false
);
