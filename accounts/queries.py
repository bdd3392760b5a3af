"""Reads of books, units and accounts. What never changes (a book's id, an account's unit) is kept in the process."""

import sys
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NamedTuple

import psycopg
from django.db import connection
from django.db.models import Q

from accounts.limits import KNOWN_ACCOUNTS_CACHED_MAX
from accounts.models import Account, Book, Unit
from metrics.repository import observed


class AccountFacts(NamedTuple):
    """What never changes about an account."""

    id: int
    code: str
    unit: str
    exponent: int


class _FactsCache(dict[tuple[int, str], AccountFacts]):
    """Facts by (book id, code), bounded: the oldest goes first."""

    def remember(self, book_id: int, facts: AccountFacts) -> None:
        while len(self) >= KNOWN_ACCOUNTS_CACHED_MAX:
            self.pop(next(iter(self)), None)
        self[book_id, facts.code] = facts


_facts = _FactsCache()

_FACTS_BY_CODE = """
    SELECT a.id, a.code, u.code, u.exponent FROM accounts_account a JOIN accounts_unit u ON u.id = a.unit_id
    WHERE a.book_id = %s AND a.code = ANY (%s::text[])
"""
_FACTS_BY_ID = """
    SELECT a.id, a.code, u.code, u.exponent FROM accounts_account a JOIN accounts_unit u ON u.id = a.unit_id
    WHERE a.book_id = %s AND a.id = ANY (%s)
"""


@lru_cache(maxsize=1024)
@observed(repository="books", expected=(Book.DoesNotExist,))
def book_id_of(name: str) -> int:
    """Return the id of a book. Raises Book.DoesNotExist, which is not remembered."""
    return Book.objects.values_list("id", flat=True).get(name=name)


@observed(repository="accounts")
def facts_by_code(*, book_id: int, codes: Collection[str]) -> Mapping[str, AccountFacts]:
    """Return the facts of those of the codes that name an account; one query at most, none when all are known.

    Every account has a first time in every process, on the way of a posting: the statement is prepared (settings.DATABASES has
    the threshold), because to plan it takes longer than to run it.
    """
    found = {code: facts for code in codes if (facts := _facts.get((book_id, code))) is not None}
    missing = [code for code in codes if code not in found]
    if missing:
        connection.ensure_connection()
        with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
            for account_id, code, unit, exponent in cursor.execute(_FACTS_BY_CODE, (book_id, missing), prepare=True):
                # One text for each unit; the driver makes one for each row, a sixth of what is kept of an account.
                facts = AccountFacts(account_id, code, sys.intern(unit), exponent)
                found[facts.code] = facts
                _facts.remember(book_id, facts)
    return found


@observed(repository="accounts")
def facts_by_id(*, book_id: int, ids: Collection[int]) -> Mapping[int, AccountFacts]:
    """Return the facts of accounts by id, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_FACTS_BY_ID, (book_id, list(ids)))
        return {row[0]: AccountFacts(*row) for row in cursor.fetchall()}


@observed(repository="units")
def units_by_code(*, codes: Collection[str]) -> dict[str, Unit]:
    """Return the units of these codes, in one query."""
    return Unit.objects.in_bulk(list(codes), field_name="code")


@observed(repository="accounts", expected=(Account.DoesNotExist,))
def account_by_code(*, book_id: int, code: str) -> Account:
    """Return one account with its unit. Raises Account.DoesNotExist."""
    account: Account = Account.objects.select_related("unit", "book").get(book_id=book_id, code=code)
    return account


@observed(repository="accounts")
def accounts_page(
    *,
    book_id: int,
    prefix: str,
    unit: str | None,
    status: str | None,
    beyond: str | None,
    ascending: bool,
    rows: int,
    places: Collection[tuple[str, str]] | None = None,
) -> list[Account]:
    """Return one page of a book's accounts by code (byte order), beyond a code in the given direction.

    `places` are the (prefix, unit) within which the reader may look, an empty unit for every unit; None for everywhere.
    """
    accounts = Account.objects.select_related("unit", "book").filter(book_id=book_id)
    if prefix:  # a range, so that the unique key serves it
        accounts = accounts.filter(code__gte=prefix, code__lt=prefix + "\U0010ffff")
    if places is not None:
        anywhere = Q(pk__in=[])
        for beginning, only in places:
            within = Q(code__gte=beginning, code__lt=beginning + "\U0010ffff")
            anywhere |= within & Q(unit__code=only) if only else within
        accounts = accounts.filter(anywhere)
    if unit is not None:
        accounts = accounts.filter(unit__code=unit)
    if status is not None:
        accounts = accounts.filter(status=status)
    if beyond is not None:
        accounts = accounts.filter(code__gt=beyond) if ascending else accounts.filter(code__lt=beyond)
    return list(accounts.order_by("code" if ascending else "-code", "id")[:rows])
