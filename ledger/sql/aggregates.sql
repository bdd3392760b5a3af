-- Auxiliary aggregates: written by the aggregator alone (ledger_aggregate_v1), rebuildable from entries, checked against them.
-- Snapshot: the balance of an account over the entries up to a mark; kept for ever, so any past mark is a snapshot and a short tail.
CREATE TABLE public.ledger_snapshot (
  book_id integer NOT NULL,
  account_id bigint NOT NULL,
  entry_id bigint NOT NULL,
  balance numeric NOT NULL,
  PRIMARY KEY (book_id, account_id, entry_id) INCLUDE (balance)
);
-- Snapshots are never changed; only a rebuild (ledger_forget_aggregates_v1) deletes them.
SELECT public.appendonly_guard('public.ledger_snapshot', '{UPDATE,TRUNCATE}');
-- Turnover: increments and decrements of an account by day (UTC) of effective time, over the entries up to the aggregator's progress.
-- first_entry and last_entry bound the day's entries by id. The key includes the sums: days of one account lie all over the table, because
-- it grows by days of all, and a balance at a date adds up all of them. It costs the aggregator a third more for each entry.
CREATE TABLE public.ledger_turnover (
  book_id integer NOT NULL,
  account_id bigint NOT NULL,
  effective_on date NOT NULL,
  increments numeric NOT NULL,
  decrements numeric NOT NULL,
  increment_count bigint NOT NULL,
  decrement_count bigint NOT NULL,
  first_entry bigint NOT NULL,
  last_entry bigint NOT NULL,
  PRIMARY KEY (book_id, account_id, effective_on) INCLUDE (increments, decrements)
) WITH (fillfactor = 70);
-- Progress: the mark up to which a book's aggregates are made.
CREATE TABLE public.ledger_progress (
  book_id integer NOT NULL PRIMARY KEY,
  entry_id bigint NOT NULL
);
