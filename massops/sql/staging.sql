-- Staging of mass operations: rows that read well, and the accounts they name; one unlogged partition for each mass operation, so that
-- filling it writes no log, and forgetting it is one DROP. After a crash of the server the partitions are empty: they are made anew.
-- Inputs:    the functions take the id of the mass operation.
-- Invariant: staging is scratch; nothing that the ledger relies on is only here.
-- Cost:      opening and dropping take the parent's lock for an instant; closing builds one index and statistics.
CREATE TABLE public.massops_staged_row (
  mass_operation_id bigint NOT NULL,
  "row" integer NOT NULL,
  line integer NOT NULL,
  key text COLLATE "C" NOT NULL,
  account text COLLATE "C" NOT NULL,
  to_account text COLLATE "C",
  amount numeric NOT NULL,
  unit text COLLATE "C",
  effective_at text,
  description text,
  metadata text,
  reverses bigint
) PARTITION BY LIST (mass_operation_id);

CREATE TABLE public.massops_staged_account (
  mass_operation_id bigint NOT NULL,
  code text COLLATE "C" NOT NULL,
  account_id bigint,
  unit text COLLATE "C",
  exponent integer,
  status text,
  floor numeric,
  rows bigint NOT NULL,
  unit_stated text
) PARTITION BY LIST (mass_operation_id);

CREATE FUNCTION public.massops_open_staging_v1(p_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM massops_drop_staging_v1(p_id);
  EXECUTE format('CREATE UNLOGGED TABLE public.massops_staged_row_%s PARTITION OF public.massops_staged_row FOR VALUES IN (%s)', p_id, p_id);
  EXECUTE format('CREATE UNLOGGED TABLE public.massops_staged_account_%s PARTITION OF public.massops_staged_account FOR VALUES IN (%s)', p_id, p_id);
END $$;

CREATE FUNCTION public.massops_close_staging_v1(p_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  EXECUTE format('CREATE UNIQUE INDEX massops_staged_row_%s_row ON public.massops_staged_row_%s ("row")', p_id, p_id);
  EXECUTE format('ANALYZE public.massops_staged_row_%s', p_id);
END $$;

CREATE FUNCTION public.massops_drop_staging_v1(p_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS public.massops_staged_row_%s', p_id);
  EXECUTE format('DROP TABLE IF EXISTS public.massops_staged_account_%s', p_id);
END $$;
