"""Opening accounts: a batch in, one result for each, in order; opening one is a batch of one.

Opening again with the same attributes is the same account (so a lost answer can be asked for again); with other attributes
it is refused, and nothing changes.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection
from psycopg.types.json import Jsonb

from accounts.limits import CODE_CHARACTERS_MAX
from accounts.models import Account, Unit
from accounts.queries import units_by_code
from metrics.repository import observed
from security.rights import Action, Rights


class Opened(StrEnum):
    """What became of one account to open."""

    CREATED = "created"
    EXISTS = "exists"
    ACCOUNT_EXISTS = "account_exists"
    UNIT_UNKNOWN = "unit_unknown"
    FORBIDDEN_ACCOUNT = "forbidden_account"


_is_plain = re.compile(r"[A-Za-z0-9:._-]+").fullmatch  # most codes: found by one call instead of one for each character
OPENED_SENTENCES = {
    Opened.ACCOUNT_EXISTS: "An account of this code exists in this book, with other attributes.",
    Opened.UNIT_UNKNOWN: "There is no such unit.",
    Opened.FORBIDDEN_ACCOUNT: "The sender has no grant to open such an account.",
}


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to open; the floor is in minor units of its unit."""

    code: str
    unit: str
    name: str
    metadata: Mapping[str, str]
    floor_minor: int | None


def is_account_code(code: str) -> bool:
    """Whether the text may name an account: letters and digits of any script, and `: . _ -`, at most 128 characters."""
    return 0 < len(code) <= CODE_CHARACTERS_MAX and (
        _is_plain(code) is not None
        or all(character in ":._-" or unicodedata.category(character)[0] in "LMN" for character in code)
    )


@observed(repository="accounts")
def open_accounts(
    *, book_id: int, source_id: int, accounts: Sequence[NewAccount], rights: Rights | None = None
) -> list[Opened]:
    """Open accounts and return one result for each, in input order. Codes have passed is_account_code.

    `rights` are what the sender's grants allow, None where grants do not bind it.
    """
    allowed = [rights is None or rights.allows(Action.OPEN, account.code, account.unit) for account in accounts]
    units = units_by_code(codes={account.unit for account in accounts})
    openable = [account for account, may in zip(accounts, allowed, strict=True) if may and account.unit in units]
    rows = iter(_open(book_id, source_id, openable, units))
    results = []
    ids = []
    for account, may in zip(accounts, allowed, strict=True):
        if not may:
            results.append(Opened.FORBIDDEN_ACCOUNT)
            continue
        if account.unit not in units:
            results.append(Opened.UNIT_UNKNOWN)
            continue
        account_id, created = next(rows)
        ids.append((len(results), account_id, account))
        results.append(Opened.CREATED if created else Opened.EXISTS)
    existing = [(place, account_id, new) for place, account_id, new in ids if results[place] is Opened.EXISTS]
    stored = Account.objects.select_related("unit").in_bulk([account_id for _, account_id, _ in existing])
    for place, account_id, new in existing:
        if not _same(stored[account_id], new):
            results[place] = Opened.ACCOUNT_EXISTS
    return results


def _open(
    book_id: int, source_id: int, accounts: Sequence[NewAccount], units: Mapping[str, Unit]
) -> list[tuple[int, bool]]:
    if not accounts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, created FROM public.accounts_open_v1("
            "%s::int, %s::bigint, %s::text[], %s::int[], %s::text[], %s::jsonb[], %s::numeric[])",
            (
                book_id,
                source_id,
                [account.code for account in accounts],
                [units[account.unit].id for account in accounts],
                [account.name for account in accounts],
                [Jsonb(dict(account.metadata)) for account in accounts],
                [account.floor_minor for account in accounts],
            ),
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def _same(stored: Account, new: NewAccount) -> bool:
    return (stored.unit.code, stored.name, stored.metadata, stored.floor) == (
        new.unit,
        new.name,
        dict(new.metadata),
        new.floor_minor,
    )
