"""The aggregator: snapshots and turnover of each book, taken from mark to mark. The SQL is in sql/aggregate_v1.sql.

It runs from beat, follows the posters at its own pace, and can be run by hand or twice at once without harm.
"""

from dataclasses import dataclass

from django.db import connection

from accounts.models import Book
from ledger import grid, marks
from ledger.limits import AGGREGATE_STEP_IDS, AGGREGATE_STEPS_PER_RUN, SNAPSHOT_TAIL_ENTRIES
from ledger.posting import execute

_STEP = "SELECT public.ledger_aggregate_v1(%b::int, %b::bigint, %b::bigint, %b::bigint)"
_DRIFT = """
    SELECT count(*) FROM ledger_snapshot s WHERE s.book_id = %s AND s.balance IS DISTINCT FROM (
      SELECT sum(e.amount) FROM ledger_entry e
      WHERE e.book_id = s.book_id AND e.account_id = s.account_id AND e.id <= s.entry_id)
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run reached: the newest safe entry id, and for each book's name its own progress."""

    safe_entry_id: int
    progress: dict[str, int]


def run() -> Run:
    """Take a mark and bring the aggregates of every book up to it, as far as one run may go."""
    safe = marks.take_and_close()
    return Run(safe, {book.name: aggregate(book_id=book.id, safe=safe) for book in Book.objects.order_by("id")})


def aggregate(*, book_id: int, safe: int) -> int:
    """Bring one book's aggregates up to a safe entry id, in bounded steps; return how far they got."""
    grid.repeat(book_id=book_id, safe=safe)
    progress = -1
    for _ in range(AGGREGATE_STEPS_PER_RUN):
        reached = int(execute(_STEP, (book_id, safe, AGGREGATE_STEP_IDS, SNAPSHOT_TAIL_ENTRIES))[0])
        if reached == progress or reached >= safe:
            return reached
        progress = reached
    return progress


def snapshot_drift(*, book_id: int) -> int:
    """Return how many snapshots of a book differ from the sum of their entries: always 0, or a defect."""
    with connection.cursor() as cursor:
        cursor.execute(_DRIFT, (book_id,))
        return int(cursor.fetchone()[0])
