"""Reads for people: balances of a page of accounts, an account's history searched, its balance over time. Nothing here writes.

Each read has a bound that does not grow with the ledger: a page of accounts, so many entries looked through, so many points.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from appendonly.sqlfiles import read_sql
from ledger.limits import CHART_DAYS_MAX, CHART_WEEKS_MAX, ENTRIES_PROBED_MAX, SEARCH_LOOKS, SEARCH_LOOKS_MAX
from ledger.messages import description_of
from ledger.queries import ID_MAX, Window, sources_of_key
from metrics.repository import observed

_BALANCES = read_sql("ledger/sql/read/balances_of_accounts.sql")
_BY_PERIOD = read_sql("ledger/sql/read/balance_by_period.sql")
_EFFECTIVE_BOUNDS = read_sql("ledger/sql/read/effective_bounds.sql")
_PERIOD = read_sql("ledger/sql/read/period.sql")
_LOOKED_UNTIL = """
    SELECT id FROM ledger_entry WHERE book_id = %s AND account_id = %s AND id < %s ORDER BY id DESC OFFSET %s LIMIT 1
"""
_NEWEST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.ledger_operation_id_seq"
_SEARCH = {
    ascending: read_sql("ledger/sql/read/history_search.sql").replace("{direction}", "ASC" if ascending else "DESC")
    for ascending in (True, False)
}


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's balance in minor units, and when its last entry was recorded (None before the first)."""

    balance_minor: int
    moved_at: datetime | None


@observed(repository="reports")
def standings(*, book_id: int, account_ids: Collection[int]) -> Mapping[int, Standing]:
    """Return balance and last movement of accounts by id, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, {"book": book_id, "accounts": list(account_ids)})
        return {row[0]: Standing(int(row[1]), row[2]) for row in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What entries of an account a person asks for; None means any. Periods are half-open, amounts minor units without sign.

    `sign` is 1 for increments, -1 for decrements. `metadata` must be contained in the operation's.
    """

    since: datetime | None = None
    until: datetime | None = None
    effective_since: datetime | None = None
    effective_until: datetime | None = None
    sign: int | None = None
    least_minor: int | None = None
    most_minor: int | None = None
    source_id: int | None = None
    key: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """One entry with the balance after it (minor units) and what its operation says."""

    entry_id: int
    operation_id: int
    key: str
    amount_minor: int
    balance_minor: int
    recorded_at: datetime
    effective_at: datetime
    source_id: int
    kind: str
    description: str | None
    metadata: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, in the window's order. `position` is where to go on, None at the end; `looked` says through how many."""

    rows: list[FoundEntry]
    position: int | None
    looked: int


@observed(repository="reports")
def search_history(*, book_id: int, account_id: int, where: HistoryFilter, window: Window) -> Found:
    """Return up to a window's rows of an account's entries that fit the filter, after looking through a bounded number.

    Where nothing (more) fits within SEARCH_LOOKS_MAX entries (ENTRIES_PROBED_MAX where a filter is of the operation), `position`
    says where the next search goes on.
    """
    parameters = {"book": book_id, "account": account_id, **_filters(where)}
    looks_max = ENTRIES_PROBED_MAX if parameters["by_operation"] else SEARCH_LOOKS_MAX
    rows: list[FoundEntry] = []
    looked = 0
    for after, before in _ranges(book_id, account_id, where, window):
        left = replace(window, after=after, before=before)
        while True:
            looks = min(SEARCH_LOOKS if looked == 0 else looks_max, looks_max - looked)
            wanted = window.rows - len(rows)
            last, entries, found = _look({**parameters, **_bounds(left), "looks": looks, "rows": wanted}, left)
            rows += found
            looked += entries
            if len(rows) == window.rows:
                return Found(rows, rows[-1].entry_id, looked)
            if entries < looks or last is None:
                break
            if looked >= looks_max:
                return Found(rows, last, looked)
            left = _beyond(left, last)
    return Found(rows, None, looked)


def every_entry(*, book_id: int, account_id: int, where: HistoryFilter, window: Window) -> Iterator[FoundEntry]:
    """Yield all entries that fit, in the window's order, a window's rows at a time; for exports."""
    while True:
        found = search_history(book_id=book_id, account_id=account_id, where=where, window=window)
        yield from found.rows
        if found.position is None:
            return
        window = _beyond(window, found.position)


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a chart: its first day, what came in and went out, and the balance at its end; minor units."""

    starts_on: date
    increments_minor: int
    decrements_minor: int
    balance_minor: int


@observed(repository="reports")
def balance_by_period(*, book_id: int, account_id: int, since: date, until: date) -> list[Point]:
    """Return the balance of an account over effective days [since, until): by day, week or month, however fits a chart.

    It counts what the aggregator has seen: all but about the last second. Steps without movement are left out.
    """
    days = (until - since).days
    step = "day" if days <= CHART_DAYS_MAX else "week" if days <= 7 * CHART_WEEKS_MAX else "month"
    with connection.cursor() as cursor:
        cursor.execute(
            _BY_PERIOD, {"book": book_id, "account": account_id, "since": since, "until": until, "step": step}
        )
        rows = cursor.fetchall()
    balance = int(rows[0][0])
    points = [Point(since - timedelta(days=1), 0, 0, balance)]
    for _, starts_on, increments, decrements in rows:
        if starts_on is not None:
            balance += int(increments) - int(decrements)
            points.append(Point(max(starts_on, since), int(increments), int(decrements), balance))
    return points


def _beyond(window: Window, position: int) -> Window:
    return replace(window, after=position) if window.ascending else replace(window, before=position)


@dataclass(frozen=True, slots=True)
class PeriodIds:
    """The ids (exclusive on both sides) between which everything recorded in a period lies."""

    entry_after: int
    entry_before: int
    operation_after: int
    operation_before: int


@observed(repository="marks")
def ids_of_period(*, since: datetime | None, until: datetime | None) -> PeriodIds:
    """Return the ids between which everything recorded in [since, until) lies."""
    with connection.cursor() as cursor:
        cursor.execute(_PERIOD, {"since": since, "until": until})
        return PeriodIds(*cursor.fetchone())


@observed(repository="entries")
def entry_looked_until(*, book_id: int, account_id: int, before: int, entries: int) -> int:
    """Return the id of the last of so many entries of an account, newest first, below an id; 0 where there are fewer."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOKED_UNTIL, (book_id, account_id, before, entries - 1))
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])


@observed(repository="operations")
def newest_operation_id() -> int:
    """Return an id at or above that of every operation there is."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        return int(cursor.fetchone()[0])


def _look(parameters: Mapping[str, Any], window: Window) -> tuple[int | None, int, list[FoundEntry]]:
    with connection.cursor() as cursor:
        cursor.execute(_SEARCH[window.ascending], parameters)
        found = cursor.fetchall()
    low, high, entries = found[0][:3]
    rows = [_entry(*row[3:]) for row in found if row[3] is not None]
    return (high if window.ascending else low), int(entries), rows


def _entry(number: int, operation: int, key: str, amount: Any, balance: Any, *rest: Any) -> FoundEntry:
    recorded_at, effective_at, source_id, kind, message, metadata = rest
    return FoundEntry(
        entry_id=number,
        operation_id=operation,
        key=key,
        amount_minor=int(amount),
        balance_minor=int(balance),
        recorded_at=recorded_at,
        effective_at=effective_at,
        source_id=source_id,
        kind=kind,
        description=description_of(bytes(message)),
        metadata=_document(metadata),
    )


def _document(value: Any) -> Mapping[str, str] | None:
    """What Django's cursor gives for jsonb: text."""
    document: Mapping[str, str] | None = json.loads(value) if isinstance(value, str) else value
    return document


def _filters(where: HistoryFilter) -> dict[str, Any]:
    return {
        "since": where.since,
        "until": where.until,
        "effective_since": where.effective_since,
        "effective_until": where.effective_until,
        "sign": where.sign,
        "least": where.least_minor,
        "most": where.most_minor,
        "source": where.source_id,
        "key": where.key,
        "sources": None if where.key is None else sources_of_key(where.source_id),
        "metadata": None if where.metadata is None else json.dumps(dict(where.metadata)),
        "by_operation": where.source_id is not None or where.key is not None or where.metadata is not None,
    }


def _bounds(window: Window) -> dict[str, int]:
    return {"after": window.after, "before": window.before}


def _ranges(book_id: int, account_id: int, where: HistoryFilter, window: Window) -> list[tuple[int, int]]:
    """The ranges of ids (exclusive bounds) in which matches can lie, in the window's order."""
    after, before = window.after, window.before
    if where.since is not None or where.until is not None:
        period = ids_of_period(since=where.since, until=where.until)
        after, before = max(after, period.entry_after), min(before, period.entry_before)
    if where.effective_since is None and where.effective_until is None:
        return [(after, before)]
    with connection.cursor() as cursor:
        days = {"since": where.effective_since, "until": where.effective_until}
        cursor.execute(_EFFECTIVE_BOUNDS, {"book": book_id, "account": account_id, **days})
        first, last, progress = cursor.fetchone()
    # What is in turnover lies between the bounds; what came after the aggregator may lie anywhere above its progress.
    ranges = [(max(after, progress), before)]
    if first is not None:
        ranges.append((max(after, first - 1), min(before, last + 1, progress + 1)))
    ranges = [(low, high) for low, high in ranges if high - low > 1]
    return sorted(ranges, reverse=not window.ascending) or [(ID_MAX - 1, ID_MAX)]
