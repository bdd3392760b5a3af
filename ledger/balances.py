"""Balances: now (the grid, else snapshot and tail), at a recorded moment, at an effective moment.

A balance is only ever the sum of entries; everything else here is a way to add fewer of them.
"""

import logging
from collections import Counter as Tally
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from appendonly.sqlfiles import read_sql
from ledger import grid
from ledger.limits import GRID_ENTRIES_MAX
from ledger.posting import execute
from metrics.instruments import TAIL, count_grid_check, count_grid_read
from metrics.repository import observed

logger = logging.getLogger(__name__)
_NOW = read_sql("ledger/sql/read/balance_now.sql")
_RECORDED = read_sql("ledger/sql/read/balance_recorded.sql")
_EFFECTIVE = read_sql("ledger/sql/read/balance_effective.sql")


class Balance(msgspec.Struct, frozen=True):
    """A balance in minor units. `as_of`: everything recorded before it is counted. `source`: grid or ledger."""

    minor: int
    floor_minor: int | None
    as_of: datetime
    source: str


class _Look(NamedTuple):
    minor: int
    floor_minor: int | None
    newest: int


@observed(repository="balances")
def now(*, book_id: int, account_id: int) -> Balance:
    """Return the present balance: from the grid where it has it, else from the ledger (and then into the grid)."""
    cached = grid.read(book_id=book_id, account_id=account_id)
    if isinstance(cached, grid.Cached):
        count_grid_read("hit")
        return Balance(cached.total, cached.floor, datetime.fromisoformat(cached.loaded_at), "grid")
    count_grid_read("away" if cached is None else "miss")
    floor, base, mark, amount, ids, amounts, as_of = execute(_NOW, (GRID_ENTRIES_MAX, book_id, account_id))
    TAIL.observe(GRID_ENTRIES_MAX if ids is None else len(ids))
    floor_minor = None if floor is None else int(floor)
    if cached is not None and ids is not None:
        grid.load(
            book_id=book_id,
            account_id=account_id,
            token=cached.token,
            base=int(base),
            mark=mark,
            floor=floor_minor,
            entries=list(zip(ids, map(int, amounts), strict=True)),
            loaded_at=as_of.isoformat(),
        )
    # Each to a whole number first: decimals would be added to 28 digits only.
    return Balance(int(base) + int(amount), floor_minor, as_of, "ledger")


@observed(repository="balances")
def check_grid(*, cursor: int) -> tuple[int, dict[str, int]]:
    """Compare the next few cached balances with the ledger; return the cursor that goes on, and how many of each result.

    `same`, `moving` (entries came meanwhile or are not repeated yet, so nothing can be said) or `different`: a defect, and the
    cached balance is dropped.
    """
    following, accounts = grid.some_accounts(cursor=cursor)
    results = Tally(_compare(book_id, account_id) for book_id, account_id in accounts)
    for result, number in results.items():
        count_grid_check(result, number)
    return following, dict(results)


def _compare(book_id: int, account_id: int) -> str:
    """Look at the ledger before and after the grid: if both see the same, and all of it was repeated, so must the grid."""
    repeated = grid.repeated(book_id=book_id)
    before = _settled(book_id, account_id)
    cached = grid.read(book_id=book_id, account_id=account_id)
    if repeated is None or before is None or not isinstance(cached, grid.Cached):
        return "moving"
    if before != _settled(book_id, account_id) or before.newest > repeated:
        return "moving"
    if (cached.total, cached.floor) == (before.minor, before.floor_minor):
        return "same"
    logger.error(
        "The cached balance of account %s is %s (floor %s), the ledger's %s (floor %s); it is dropped.",
        *(account_id, cached.total, cached.floor, before.minor, before.floor_minor),
    )
    grid.forget(book_id=book_id, account_id=account_id)
    return "different"


def _settled(book_id: int, account_id: int) -> _Look | None:
    """What the ledger says; None where there is no such account, or too much above its snapshot to look at."""
    row = execute(_NOW, (GRID_ENTRIES_MAX, book_id, account_id))
    if row is None or row[4] is None:
        return None
    floor, base, mark, amount, ids, _, _ = row
    return _Look(int(base) + int(amount), None if floor is None else int(floor), max(ids, default=mark))


@observed(repository="balances")
def at(*, book_id: int, account_id: int, moment: datetime) -> Balance:
    """Return the balance as recorded: over the entries recorded strictly before the moment."""
    return _at(_RECORDED, book_id, account_id, moment)


@observed(repository="balances")
def at_effective(*, book_id: int, account_id: int, moment: datetime) -> Balance:
    """Return the balance as effective: over the entries effective strictly before the moment, back-dated ones included."""
    return _at(_EFFECTIVE, book_id, account_id, moment)


def _at(statement: str, book_id: int, account_id: int, moment: datetime) -> Balance:
    parameters: dict[str, Any] = {"book": book_id, "account": account_id, "moment": moment}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        minor, as_of = cursor.fetchone()
    return Balance(int(minor), None, as_of, "ledger")
