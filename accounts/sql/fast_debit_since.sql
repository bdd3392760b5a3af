-- accounts_account.fast_debit_since: above this id of an entry no posting call took more than fast_debit_limit from the account; NULL: unknown.
-- Invariant: I11, see ledger/sql/judge_floors_v1.sql. Written by ledger_set_fast_limit_v2 and, where a call takes more, made unknown by the
--            posting function, both under the account's exclusive lock. A smaller limit makes it unknown by itself, whoever sets it.
ALTER TABLE public.accounts_account ADD COLUMN fast_debit_since bigint;

CREATE FUNCTION public.accounts_forget_fast_debit_since() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.fast_debit_since := NULL;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_forget_fast_debit_since BEFORE UPDATE OF fast_debit_limit ON public.accounts_account FOR EACH ROW
WHEN (NEW.fast_debit_since = OLD.fast_debit_since AND NOT coalesce(NEW.fast_debit_limit >= OLD.fast_debit_limit, false))
EXECUTE FUNCTION public.accounts_forget_fast_debit_since();
ALTER TABLE public.accounts_account ENABLE ALWAYS TRIGGER accounts_forget_fast_debit_since;
