-- ledger_take_inbox_v1: takes the next messages for one worker, by class and age, for as long as a lease lasts.
-- Inputs:    how many; the lease. Result: the messages, in the order in which they should be posted.
-- Invariant: a lower class always gets its share of a full take (one fifth normal, one tenth bulk), so none starves; what one class leaves
--            over, the next class takes. Two workers never take the same message while the lease lasts (SKIP LOCKED, then the lease).
-- Cost:      three ranges of the index; locks last for this statement only.
CREATE FUNCTION public.ledger_take_inbox_v1(p_rows integer, p_lease interval) RETURNS SETOF public.ledger_inbox
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN QUERY
    WITH critical AS MATERIALIZED (
      SELECT i.id FROM ledger_inbox i WHERE i.priority = 1 AND i.taken_until < clock_timestamp() ORDER BY i.id LIMIT p_rows FOR UPDATE SKIP LOCKED),
    normal AS MATERIALIZED (
      SELECT i.id FROM ledger_inbox i WHERE i.priority = 2 AND i.taken_until < clock_timestamp() ORDER BY i.id LIMIT p_rows FOR UPDATE SKIP LOCKED),
    bulk AS MATERIALIZED (
      SELECT i.id FROM ledger_inbox i WHERE i.priority = 3 AND i.taken_until < clock_timestamp() ORDER BY i.id LIMIT p_rows FOR UPDATE SKIP LOCKED),
    waiting AS (
      SELECT c.id, 1 AS priority, false AS shared FROM critical c
      UNION ALL SELECT n.id, 2, row_number() OVER (ORDER BY n.id) <= ceil(p_rows / 5.0) FROM normal n
      UNION ALL SELECT b.id, 3, row_number() OVER (ORDER BY b.id) <= ceil(p_rows / 10.0) FROM bulk b),
    -- First the shares of the lower classes, then by class and age.
    chosen AS (
      SELECT w.id FROM waiting w ORDER BY w.shared DESC, w.priority, w.id LIMIT p_rows),
    taken AS (
      UPDATE ledger_inbox i SET taken_until = clock_timestamp() + p_lease FROM chosen WHERE i.id = chosen.id RETURNING i.*)
    SELECT * FROM taken ORDER BY taken.priority, taken.id;
END $$;
