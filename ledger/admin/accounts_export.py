"""The list of accounts as a file: the accounts that are filtered, in the order of their codes, each with its balance of now."""

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase

from accounts.models import Account
from ledger.admin import exports
from ledger.admin.exports import Amount, Cell
from ledger.limits import EXPORT_ROWS_PER_READ
from ledger.reports import Standing, standings

# Those that an import reads bear the same names there.
HEADER = ("book", "code", "unit", "name", "floor", "metadata", "status", "balance", "moved_at", "opened_at")


def export_accounts(*, kind: str, accounts: QuerySet[Account]) -> HttpResponseBase:
    """The file; `accounts` are of one book, with their book and unit."""
    return exports.export(name="accounts", kind=kind, header=HEADER, rows=_rows(accounts))


def _rows(accounts: QuerySet[Account]) -> Iterator[list[Cell]]:
    """The lines; a page at a time goes on after the last code, and reads its balances in one query."""
    last = ""
    while page := list(accounts.filter(code__gt=last).order_by("code")[:EXPORT_ROWS_PER_READ]):
        found = standings(book_id=page[0].book_id, account_ids=[account.id for account in page])
        for account in page:
            yield _account(account, found[account.id])
        last = page[-1].code


def _account(account: Account, standing: Standing) -> list[Cell]:
    exponent = account.unit.exponent
    return [
        account.book.name,
        account.code,
        account.unit.code,
        account.name,
        None if account.floor is None else Amount(int(account.floor), exponent),
        json.dumps(account.metadata, ensure_ascii=False) if account.metadata else None,
        account.status,
        Amount(standing.balance_minor, exponent),
        _moment(standing.moved_at),
        _moment(account.opened_at),
    ]


def _moment(value: Any) -> str | None:
    return None if value is None else str(value.isoformat())
