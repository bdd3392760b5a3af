"""What searches use of operations, against their messages: metadata, and the accounts that a refusal would have changed.

Neither is part of a leaf, because the message, which says both, is: by its digest. Whether a refusal had accounts at all, its
code says, which covers the entries that the message became; a refusal that names no account that there is has none.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger.arrays import int8s, texts
from ledger.posting import prepared
from ledger.sealing.findings import Code

_SEARCHED = read_sql("ledger/sql/read/searched_in_range.sql")
_ACCOUNTS_OF = read_sql("ledger/sql/read/accounts_of_operations.sql")
_IDS = "SELECT a.code, a.id FROM public.accounts_account a WHERE a.book_id = %b::int AND a.code = ANY (%b::text[])"
METADATA = "The metadata that searches use are not those of its message."
ACCOUNTS = "The accounts under which searches find the refusal are not those of its message."


class _Searched(NamedTuple):
    """One operation: what its message says (None where it cannot be read), what it reverses, and what searches use."""

    id: int
    said: Any
    reverses: int | None
    metadata: str | None
    accounts: list[int] | None
    is_accepted: bool
    is_reduced: bool


def faults(*, book: Book, from_id: int, to_id: int, refusals: Mapping[int, bool]) -> Iterator[tuple[int, Code, str]]:
    """Yield what is wrong in a range: operation, code, sentence. `refusals`: see contents.Contents."""
    with prepared() as cursor:
        found = cursor.execute(_SEARCHED, (book.id, from_id, to_id), prepare=True, binary=True)
        operations = [_Searched(row[0], _said(row[1]), *row[2:]) for row in found]
    judged = [one for one in operations if refusals.get(one.id)]
    ids = _ids_of(book, {code for one in judged if one.reverses is None for code in _codes(one.said)})
    originals = _accounts_of(book, {one.reverses for one in judged if one.reverses is not None})
    for one in operations:
        metadata = one.said.get("metadata") if isinstance(one.said, dict) else None
        if metadata != (None if one.metadata is None else json.loads(one.metadata)):
            yield one.id, Code.METADATA_DIFFERS, METADATA
        if _differ(one, refusals, ids, originals):
            yield one.id, Code.REFUSED_ACCOUNTS_DIFFER, ACCOUNTS


def _differ(
    one: _Searched, refusals: Mapping[int, bool], ids: Mapping[str, int], originals: Mapping[int, set[int]]
) -> bool:
    had_entries = refusals.get(one.id)
    if one.is_accepted or had_entries is False:
        return one.accounts is not None
    if had_entries is None or one.is_reduced:  # of a reduced one the archive says the accounts (reduction.py)
        return False
    named = set(one.accounts or ())
    if one.reverses is None:
        if one.said is None:  # not what the application stores; whether it is what was sealed, its leaf tells
            return False
        return named != {ids.get(code) for code in _codes(one.said)}
    return (
        one.reverses in originals and named != originals[one.reverses]
    )  # one in an archive alone cannot be asked here


def _said(message: bytes) -> Any:
    """A message as it was decoded; a reversal may be without words."""
    try:
        return json.loads(message or b"{}")
    except ValueError:  # somebody wrote into it: then it makes another leaf as well
        return None


def _codes(said: Any) -> Sequence[str]:
    entries = said.get("entries") if isinstance(said, dict) else None
    return [str(entry.get("account")) for entry in entries or () if isinstance(entry, dict)]


def _ids_of(book: Book, codes: set[str]) -> dict[str, int]:
    if not codes:
        return {}
    with prepared() as cursor:
        found = cursor.execute(_IDS, (book.id, texts(list(codes))), prepare=True, binary=True).fetchall()
    return dict(found)


def _accounts_of(book: Book, operations: set[int]) -> dict[int, set[int]]:
    if not operations:
        return {}
    with prepared() as cursor:
        found = cursor.execute(_ACCOUNTS_OF, (int8s(list(operations)), book.id), prepare=True, binary=True).fetchall()
    return {operation_id: set(account_ids) for operation_id, account_ids in found}
