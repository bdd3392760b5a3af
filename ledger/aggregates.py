"""The aggregator: snapshots, turnover and fast debit limits of each book, taken from mark to mark. The SQL is in sql/.

It runs from beat, follows the posters at its own pace, and can be run by hand or twice at once without harm.
"""

import time
from dataclasses import dataclass

from django.db import connection

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger import grid, marks, records
from ledger.limits import (
    AGGREGATE_BUSY_IDS,
    AGGREGATE_PAUSE_SECONDS,
    AGGREGATE_ROUNDS_PER_RUN,
    AGGREGATE_STEP_IDS,
    AGGREGATE_STEPS_PER_RUN,
    FAST_LIMIT_BUSY_DEBITS,
    FAST_LIMIT_SPAN_IDS,
    FAST_LIMITS_PER_RUN,
    SNAPSHOT_TAIL_ENTRIES,
)
from ledger.posting import execute
from metrics.repository import observed

_STEP = "SELECT public.ledger_aggregate_v1(%b::int, %b::bigint, %b::bigint, %b::bigint)"
_PROGRESS = "SELECT p.book_id, p.entry_id FROM public.ledger_progress p"
_DUE = (
    "SELECT account_id, spans"
    " FROM public.ledger_fast_limits_due_v2(%s::int, %s::bigint, %s::bigint, %s::int, %s::bigint, %s::bigint)"
)
_SET = "SELECT public.ledger_set_fast_limit_v2(%b::int, %b::bigint, %b::bigint)"
_FORGET = "SELECT public.ledger_forget_aggregates_v1(%b::int)"
_DRIFT = read_sql("ledger/sql/read/drift.sql")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run reached: the newest safe entry id, and for each book's name its own progress."""

    safe_entry_id: int
    progress: dict[str, int]


@dataclass(frozen=True, slots=True)
class Drift:
    """How many snapshots and days of turnover differ from their entries, and counts from their records: always 0, or a defect."""

    snapshots: int
    turnovers: int
    records: int = 0


@observed(repository="aggregates")
def run() -> Run:
    """Take a mark and bring the aggregates of every book up to it, as far as one run may go.

    Where much has come, one mark a second leaves tails of thousands of entries, and each decrement of an account with a
    floor reads its tail: then the run goes on in short rounds until about the next beat.
    """
    books = {book.id: book.name for book in Book.objects.order_by("id")}
    starts = dict.fromkeys(books, 0) | _progress()
    reached = starts
    for _ in range(AGGREGATE_ROUNDS_PER_RUN):
        safe, before = marks.take_and_close(), reached
        reached = {book_id: _bring_up(book_id, before[book_id], safe) for book_id in books}
        if max((reached[book_id] - before[book_id] for book_id in books), default=0) < AGGREGATE_BUSY_IDS:
            break
        time.sleep(AGGREGATE_PAUSE_SECONDS)
    for book_id in books:
        _set_fast_limits(book_id, starts[book_id], reached[book_id])
    return Run(safe, {name: reached[book_id] for book_id, name in books.items()})


@observed(repository="aggregates")
def aggregate(*, book_id: int, safe: int) -> int:
    """Bring one book's aggregates up to a safe entry id, in bounded steps; return how far they got."""
    start = _progress().get(book_id, 0)
    progress = _bring_up(book_id, start, safe)
    _set_fast_limits(book_id, start, progress)
    return progress


@observed(repository="aggregates")
def rebuild(*, book_id: int) -> int:
    """Make a book's snapshots and turnover anew from its entries; return the entry id they reach. Posting goes on meanwhile."""
    execute(_FORGET, (book_id,))
    safe = marks.take_and_close()
    progress = 0
    while progress < safe:
        progress = int(execute(_STEP, (book_id, safe, AGGREGATE_STEP_IDS, SNAPSHOT_TAIL_ENTRIES))[0])
    return progress


@observed(repository="aggregates")
def drift(*, book_id: int) -> Drift:
    """Compare every snapshot and every day of turnover of a book with its entries. Reads all of them."""
    with connection.cursor() as cursor:
        cursor.execute(_DRIFT, {"book": book_id})
        snapshots, turnovers = cursor.fetchone()
    return Drift(int(snapshots), int(turnovers), records.drift(book_id=book_id))


def _progress() -> dict[int, int]:
    """How far each book is that has begun."""
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS)
        return dict(cursor.fetchall())


def _bring_up(book_id: int, progress: int, safe: int) -> int:
    """Return the progress that it reached from the one it had."""
    grid.repeat(book_id=book_id, safe=safe)
    for _ in range(AGGREGATE_STEPS_PER_RUN):
        if progress >= safe:
            break
        progress = int(execute(_STEP, (book_id, safe, AGGREGATE_STEP_IDS, SNAPSHOT_TAIL_ENTRIES))[0])
    records.count(book_id=book_id)
    return progress


def _set_fast_limits(book_id: int, start: int, end: int) -> None:
    """Set the limits that the new entries put off, each in a transaction of its own."""
    if end <= start:
        return
    with connection.cursor() as cursor:
        cursor.execute(_DUE, (book_id, start, end, FAST_LIMITS_PER_RUN, FAST_LIMIT_SPAN_IDS, FAST_LIMIT_BUSY_DEBITS))
        due = cursor.fetchall()
    for account_id, spans in due:
        execute(_SET, (book_id, account_id, FAST_LIMIT_SPAN_IDS if spans else None))
