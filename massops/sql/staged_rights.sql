-- What a sender's grants allow on staged accounts; NULL for a sender that is not bound by grants, and for amounts without a limit.
ALTER TABLE public.massops_staged_account
  ADD COLUMN may_take boolean, ADD COLUMN take_max numeric, ADD COLUMN may_add boolean, ADD COLUMN add_max numeric;
