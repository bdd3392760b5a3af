-- A book at a glance: for each unit its accounts that ever moved, what is above zero, what is below, and the largest balances either way.
-- Inputs: book, largest (how many accounts to name on each side). Invariant: I10 up to the book's progress; what came after is not in here.
-- Cost: reads all of the book's turnover and, for what is named, its accounts; so it is made by a worker now and then (ledger.overview).
WITH balance AS MATERIALIZED (
  SELECT t.account_id, sum(t.increments - t.decrements) AS balance FROM ledger_turnover t WHERE t.book_id = %(book)s GROUP BY t.account_id),
known AS MATERIALIZED (
  SELECT a.unit_id, b.account_id, a.code, b.balance FROM balance b JOIN accounts_account a ON a.book_id = %(book)s AND a.id = b.account_id),
total AS (
  SELECT k.unit_id, count(*) AS accounts, coalesce(sum(k.balance) FILTER (WHERE k.balance > 0), 0) AS above,
         coalesce(sum(k.balance) FILTER (WHERE k.balance < 0), 0) AS below
  FROM known k GROUP BY k.unit_id)
SELECT u.code, u.exponent, total.accounts, total.above::text, total.below::text,
       (SELECT jsonb_agg(jsonb_build_array(named.account_id, named.code, named.balance::text) ORDER BY named.balance DESC) FROM (
          (SELECT k.* FROM known k WHERE k.unit_id = total.unit_id AND k.balance > 0 ORDER BY k.balance DESC LIMIT %(largest)s)
          UNION ALL
          (SELECT k.* FROM known k WHERE k.unit_id = total.unit_id AND k.balance < 0 ORDER BY k.balance LIMIT %(largest)s)) named)
FROM total JOIN accounts_unit u ON u.id = total.unit_id
ORDER BY total.accounts DESC, u.code
