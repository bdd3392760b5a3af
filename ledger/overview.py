"""A book at a glance, for the dashboard: totals by unit, the largest balances, and what happened lately.

Totals need a look at every account, so a worker makes them now and then, never a page; what a page shows says how old it is.
What happened lately is read from marks and from the index of refusals, at a cost that does not grow with the ledger.
"""

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db import connection

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger.limits import OVERVIEW_LARGEST, OVERVIEW_REST_FACTOR, REFUSALS_LOOKED_MAX
from ledger.models import Overview
from metrics.repository import observed

_OVERVIEW = read_sql("ledger/sql/read/overview.sql")
_ACTIVITY = read_sql("ledger/sql/read/activity.sql")
_REFUSALS = read_sql("ledger/sql/read/refusals.sql")


@dataclass(frozen=True, slots=True)
class Activity:
    """Operations and refusals in equal steps of time, oldest first: `operations` of all books, `refusals` (by code) of one."""

    starts: list[datetime]
    operations: list[int]
    refusals: Mapping[str, list[int]]


@observed(repository="overviews")
def refresh(*, now: datetime) -> list[str]:
    """Make the overview of every book anew; return the names of those that were made.

    One that took long rests for long: making overviews never takes more than about a twentieth of one processor.
    """
    made = []
    for book in Book.objects.order_by("id"):
        latest = Overview.objects.filter(book=book).first()
        if latest is not None and now - latest.made_at < timedelta(seconds=OVERVIEW_REST_FACTOR * latest.seconds):
            continue
        started = time.monotonic()
        units = _read(book.id)
        seconds = time.monotonic() - started
        Overview.objects.update_or_create(book=book, defaults={"made_at": now, "seconds": seconds, "units": units})
        made.append(book.name)
    return made


@observed(repository="overviews")
def latest(*, book_id: int) -> Overview | None:
    """Return the newest overview of a book, None before the first."""
    return Overview.objects.filter(book_id=book_id).first()


@observed(repository="overviews")
def activity(*, book_id: int, since: datetime, step_seconds: int, steps: int) -> Activity:
    """Return what happened in so many steps from a moment on."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVITY, {"since": since, "step": step_seconds, "steps": steps})
        marks = cursor.fetchall()
        bounds = {"book": book_id, "after": marks[0][1], "since": since, "step": step_seconds}
        cursor.execute(_REFUSALS, {**bounds, "most": REFUSALS_LOOKED_MAX})
        refused = cursor.fetchall()
    refusals: defaultdict[str, list[int]] = defaultdict(lambda: [0] * steps)
    for number, outcome, count in refused:
        if number < steps:
            refusals[outcome][number] = count
    counts = [after[1] - before[1] for before, after in pairwise(marks)]
    return Activity([at for at, _ in marks[:-1]], counts, dict(refusals))


def _read(book_id: int) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_OVERVIEW, {"book": book_id, "largest": OVERVIEW_LARGEST})
        return [
            {
                "unit": unit,
                "exponent": exponent,
                "accounts": accounts,
                "above": above,
                "below": below,
                "largest": json.loads(largest) if isinstance(largest, str) else largest or [],
            }
            for unit, exponent, accounts, above, below, largest in cursor.fetchall()
        ]
