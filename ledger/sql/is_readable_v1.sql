-- ledger_is_readable_v1: whether all accounts of an operation lie where a reader may look: those of its entries, or, of a refused one, those
-- that it would have changed. Inputs: book, operation; parallel arrays of prefixes of codes and units (empty: every unit).
-- Result: false also for an operation whose accounts are not known. Invariant: I21. Cost: the operation, its entries and their accounts by key.
CREATE FUNCTION public.ledger_is_readable_v1(p_book integer, p_operation bigint, p_prefix text[], p_unit text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(bool_and(EXISTS (SELECT FROM unnest(p_prefix, p_unit) g(prefix, unit)
                                   WHERE starts_with(a.code, g.prefix) AND g.unit IN ('', u.code))), false)
  FROM (SELECT x.id, x.entry_first, x.entry_last, x.refused_accounts FROM ledger_operation x
        WHERE x.book_id = p_book AND x.id = p_operation OFFSET 0) o
  CROSS JOIN LATERAL (SELECT x.account_id AS id FROM ledger_entry x
                      WHERE x.book_id = p_book AND x.id BETWEEN o.entry_first AND o.entry_last AND x.operation_id = o.id
                      UNION SELECT r.id FROM unnest(o.refused_accounts) r(id) OFFSET 0) touched
  CROSS JOIN LATERAL (SELECT x.code, x.unit_id FROM accounts_account x WHERE x.book_id = p_book AND x.id = touched.id OFFSET 0) a
  JOIN accounts_unit u ON u.id = a.unit_id
$$;
