-- appendonly_guard(table, operations): makes a table refuse the named operations for everyone, its owner included.
-- Inputs:    the table (or one partition: a statement trigger of a parent does not fire for a statement on its partition,
--            so each partition is guarded on its own) and which of UPDATE, DELETE, TRUNCATE to refuse.
-- Invariant: I1, what is recorded stays. The triggers are ENABLE ALWAYS, so session_replication_role does not silence them.
-- Cost:      none for inserts; statement triggers fire only for the refused statements.
CREATE FUNCTION public.appendonly_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: the table is append-only', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION public.appendonly_guard(p_table regclass, p_operations text[] DEFAULT '{UPDATE,DELETE,TRUNCATE}') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE operation text;
BEGIN
  FOREACH operation IN ARRAY p_operations LOOP
    EXECUTE format('CREATE TRIGGER appendonly_%s BEFORE %s ON %s FOR EACH STATEMENT EXECUTE FUNCTION public.appendonly_refuse()',
                   lower(operation), operation, p_table);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER appendonly_%s', p_table, lower(operation));
  END LOOP;
END $$;
