"""Marks: up to where "so far" is safe. The SQL and the reasons are in sql/mark.sql.

A mark never waits for anybody: where a writer holds it back, the older mark stands and tails grow, and nothing is wrong.
"""

from ledger.posting import execute
from metrics.repository import observed

_TAKE = "SELECT xid::text::bigint, entry_id FROM public.ledger_take_mark_v1()"
_CLOSE = "SELECT public.ledger_close_marks_v1()"
_NEWEST = "SELECT pg_current_xact_id()::text::bigint"
_ENDED = "SELECT pg_snapshot_xmin(pg_current_snapshot()) > %b::text::xid8"


@observed(repository="marks")
def take_and_close() -> int:
    """Take a mark, close what has become safe, and return the newest closed entry id (0 before the first)."""
    execute(_TAKE, ())
    return close()


@observed(repository="marks")
def close() -> int:
    """Close what has become safe and return the newest closed entry id."""
    return int(execute(_CLOSE, ())[0])


@observed(repository="marks")
def newest_transaction() -> int:
    """Return a transaction id that is younger than that of every writer under way."""
    return int(execute(_NEWEST, ())[0])


@observed(repository="marks")
def older_writers_ended(xid: int) -> bool:
    """Whether every transaction that had an id at or before this one has ended."""
    return bool(execute(_ENDED, (str(xid),))[0])
