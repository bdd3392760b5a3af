-- One operation of one entry through the posting function, as the application calls it for a single request.
-- Hot: first_account = last_account. `sign` is 1 or -1: only decrements of accounts with a floor pass the gate. The key is random, as clients' keys are; message and hash have their usual sizes.
\set account random(:first_account, :last_account)
\set amount :sign * random(1, 100000)
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
