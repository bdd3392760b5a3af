-- What each grant with a sum per day has let through on a day of recording (UTC), in minor units. One row for a grant, book and day.
-- Invariant: I22 amount never exceeds the grant's sum; written by ledger_spend_v1 alone, in the posting transaction.
CREATE TABLE public.ledger_day_spent (
  book_id integer NOT NULL,
  grant_id bigint NOT NULL,
  spent_on date NOT NULL,
  amount numeric(38,0) NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (book_id, grant_id, spent_on)
);
