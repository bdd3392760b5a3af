"""Balances: now (the grid, else snapshot and tail), at a recorded moment, at an effective moment.

A balance is only ever the sum of entries; everything else here is a way to add fewer of them.
"""

from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from appendonly.sqlfiles import read_sql
from ledger import grid
from ledger.limits import GRID_ENTRIES_MAX
from ledger.posting import execute
from metrics.instruments import TAIL, count_grid_read
from metrics.repository import observed

_NOW = read_sql("ledger/sql/read/balance_now.sql")
_RECORDED = read_sql("ledger/sql/read/balance_recorded.sql")
_EFFECTIVE = read_sql("ledger/sql/read/balance_effective.sql")


class Balance(msgspec.Struct, frozen=True):
    """A balance in minor units. `as_of`: everything recorded before it is counted. `source`: grid or ledger."""

    minor: int
    floor_minor: int | None
    as_of: datetime
    source: str


@observed(repository="balances")
def now(*, book_id: int, account_id: int) -> Balance:
    """Return the present balance: from the grid where it has it, else from the ledger (and then into the grid)."""
    cached = grid.read(book_id=book_id, account_id=account_id)
    if isinstance(cached, grid.Cached):
        count_grid_read("hit")
        return Balance(cached.total, cached.floor, datetime.fromisoformat(cached.loaded_at), "grid")
    count_grid_read("away" if cached is None else "miss")
    floor, base, mark, amount, ids, amounts, as_of = execute(
        _NOW, (GRID_ENTRIES_MAX, GRID_ENTRIES_MAX, book_id, account_id)
    )
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
