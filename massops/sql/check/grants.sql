-- What the sender's grants allow on the accounts that rows name.
-- Inputs:    id; parallel arrays: codes, whether and up to which amount the sender may take from each, whether and up to which it may add.
-- Invariant: I21, an account that is out of reach looks alike, whether it exists or not.
-- Cost:      one pass over the accounts, hashed against the arrays.
UPDATE massops_staged_account a
SET may_take = g.may_take, take_max = g.take_max, may_add = g.may_add, add_max = g.add_max,
    status = CASE WHEN g.may_take OR g.may_add THEN a.status ELSE 'forbidden' END,
    account_id = CASE WHEN g.may_take OR g.may_add THEN a.account_id END, unit = CASE WHEN g.may_take OR g.may_add THEN a.unit END,
    exponent = CASE WHEN g.may_take OR g.may_add THEN a.exponent END, floor = CASE WHEN g.may_take OR g.may_add THEN a.floor END
FROM unnest(%(codes)s::text[], %(may_take)s::boolean[], %(take_max)s::numeric[], %(may_add)s::boolean[], %(add_max)s::numeric[])
     g(code, may_take, take_max, may_add, add_max)
WHERE a.mass_operation_id = %(id)s AND a.code = g.code
