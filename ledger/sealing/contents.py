"""What lies in a range of a book's operations: their leaf hashes, control totals, and those without a valid code.

The sealer makes leaves of it, verification compares them with the leaves that were made; both read it here, so that they cannot
disagree. The texts of leaves are made by SQL (sql/read/leaf_parts.sql), the rest here; leaves.py is the reference for both.
"""

import gc
import hashlib
import sys
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from django.db import connection

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger.arrays import int8s
from ledger.limits import ENTRY_GAP_IDS_MAX
from ledger.posting import prepared
from ledger.sealing import mac
from ledger.sealing.leaves import AccountTexts, UnitTotals, account_texts, quoted
from metrics.repository import observed

NO_CODE, UNKNOWN_KEY, BAD_CODE, UNREADABLE = "no_code", "unknown_key", "bad_code", "unreadable"

# What an amount of PostgreSQL can be beside a number.
_NO_NUMBER = "NaN"
_OPERATIONS = read_sql("ledger/sql/read/leaf_parts.sql")
_ENTRIES = read_sql("ledger/sql/read/entries_in_ranges.sql")
_ACCOUNTS = """
    SELECT a.id, a.code, u.code, u.exponent FROM public.accounts_account a JOIN public.accounts_unit u ON u.id = a.unit_id
    WHERE a.book_id = %b::int AND a.id = ANY (%b::bigint[])
"""

# One operation of a range: id, the two texts of its leaf, what its code covers, code, key name, first and last entry.
Row = tuple[int, bytes | None, bytes | None, bytes, bytes | None, str | None, int | None, int | None]


@dataclass
class Accounts:
    """The texts of a book's accounts, read when first met; as old as its owner, so verification makes its own."""

    book_id: int
    texts: dict[int, AccountTexts] = field(default_factory=dict)
    exponents: dict[str, int] = field(default_factory=dict)

    def learn(self, ids: set[int]) -> None:
        """Read those that are not known yet."""
        missing = ids - self.texts.keys()
        if missing:
            with prepared() as cursor:
                found = cursor.execute(_ACCOUNTS, (self.book_id, int8s(list(missing))), prepare=True, binary=True)
                for account_id, code, unit, exponent in found:
                    self.texts[account_id] = account_texts(code, unit)
                    self.exponents[unit] = exponent
        for unknown in ids - self.texts.keys():  # a row without its account: the leaf says so, and so it will not match
            self.texts[unknown] = account_texts(f"?{unknown}", "?")
            self.exponents.setdefault("?", 0)


class Entries(NamedTuple):
    """Entries as columns, by operation and then by id; `codes` are `account:amount`."""

    operations: Sequence[int] = ()
    ids: Sequence[int] = ()
    accounts: Sequence[int] = ()
    amounts: Sequence[str] = ()
    codes: Sequence[str] = ()

    def places(self) -> dict[int, slice]:
        """Return where those of each operation lie."""
        ends = accumulate((counts := Counter(self.operations)).values())
        return {operation: slice(end - counts[operation], end) for operation, end in zip(counts, ends, strict=True)}


@dataclass(frozen=True)
class Rows:
    """What was read of a range, up to `to_id`; `more` tells whether the range goes on behind it."""

    to_id: int
    more: bool
    operations: Sequence[Row]
    entries: Entries


@dataclass(frozen=True)
class Contents:
    """The operations of a range in id order, beside their leaf hashes; `forged` maps those without a valid code to the reason.

    `refusals` maps refused operations to whether their message had become entries, as their code says; those whose code is not
    valid are not in it.
    """

    ids: list[int]
    leaf_hashes: list[bytes]
    totals: tuple[UnitTotals, ...]
    forged: Mapping[int, str]
    refusals: Mapping[int, bool]


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep the garbage collector away while a hundred thousand short-lived tuples come and go: none is part of a cycle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def read_ahead(*, book: Book, from_id: int, to_id: int, rows: int) -> Iterator[Rows]:
    """Yield what lies above from_id up to to_id, so many operations at a time; while one part is used, the next is read."""
    part = _read(book, from_id, to_id, rows)
    if not part.more:
        yield part
        return
    with ThreadPoolExecutor(1, thread_name_prefix="seal-reader") as reader:
        try:
            while part.more:
                following = reader.submit(_read, book, part.to_id, to_id, rows)
                yield part
                part = following.result()
            yield part
        finally:
            reader.submit(connection.close)


def contents(rows: Rows, *, accounts: Accounts, excluded: frozenset[int] = frozenset()) -> Contents:
    """Return what rows contain; `excluded` operations are no leaves and count in no total, but their codes are judged."""
    entries, texts = rows.entries, _entry_texts(rows.entries, accounts)
    codes, keys, sha256 = entries.codes, mac.keys(), hashlib.sha256
    places, nothing, half = entries.places(), slice(0, 0), mac.HALF_BYTES
    ids, hashes, forged, refusals = [], [], {}, {}
    counted: list[slice] = []
    for operation_id, before, after, head, code, key_name, first, _ in rows.operations:
        own, key = nothing if first is None else places.get(operation_id, nothing), keys.get(key_name or "")
        if key is None or code is None:
            forged[operation_id] = NO_CODE if code is None else UNKNOWN_KEY
        elif first is None:  # refused: it has no entries to be judged with
            if key.of_message(head) != code[:half]:
                forged[operation_id] = BAD_CODE
            else:
                refusals[operation_id] = key.of_entries(head, mac.ENTRIES) != code[half:]
        elif key.of_message(head + mac.ENTRIES + ";".join(codes[own]).encode()) != code[half:]:
            forged[operation_id] = BAD_CODE
        if before is None or after is None:
            forged[operation_id] = UNREADABLE
        if operation_id in excluded:
            continue
        ids.append(operation_id)
        hashes.append(sha256(b"".join((b"\0", before or b"", ",".join(texts[own]).encode(), after or b""))).digest())
        counted.append(own)
    return Contents(ids, hashes, _totals(entries, counted, accounts), forged, refusals)


def _entry_texts(entries: Entries, accounts: Accounts) -> list[str]:
    """Return the text of each entry as its leaf has it (leaves.entry_text, written out: there are many)."""
    met = set(entries.accounts)
    accounts.learn(met)
    before = {account_id: accounts.texts[account_id].before for account_id in met}
    after = {account_id: accounts.texts[account_id].after for account_id in met}
    return [
        f'{before[account_id]}{amount}","id":"{entry_id}{after[account_id]}'
        for account_id, amount, entry_id in zip(entries.accounts, entries.amounts, entries.ids, strict=True)
    ]


@observed(repository="seals")
def leaf_of(*, book: Book, operation_id: int) -> bytes | None:
    """Return the leaf of one operation as its rows make it now, or None where there is no such operation."""
    found = leaves_of(_read(book, operation_id - 1, operation_id, 1), accounts=Accounts(book.id))
    return found[operation_id] if found else None


def leaves_of(rows: Rows, *, accounts: Accounts) -> dict[int, bytes]:
    """Return the leaves of operations as their rows make them now, by id, in id order."""
    texts, places, nothing = _entry_texts(rows.entries, accounts), rows.entries.places(), slice(0, 0)
    return {
        operation_id: (before or b"") + ",".join(texts[places.get(operation_id, nothing)]).encode() + (after or b"")
        for operation_id, before, after, *_ in rows.operations
    }


def _read(book: Book, from_id: int, to_id: int, rows: int) -> Rows:
    with prepared() as cursor:
        cursor.execute(_OPERATIONS, (quoted(book.name), book.id, from_id, to_id, rows + 1), prepare=True, binary=True)
        operations: list[Row] = cursor.fetchall()
    more = len(operations) > rows
    del operations[rows:]
    return with_entries(book=book, to_id=operations[-1][0] if more else to_id, operations=operations, more=more)


@observed(repository="seals")
def with_entries(*, book: Book, to_id: int, operations: Sequence[Row], more: bool = False) -> Rows:
    """Return operations with the entries that they say are theirs."""
    entries = Entries()
    if ranges := _entry_ranges(operations):
        firsts, lasts = [first for first, _ in ranges], [last for _, last in ranges]
        with prepared() as cursor:
            found = cursor.execute(_ENTRIES, (firsts, lasts, book.id), prepare=True, binary=True).fetchone()
        if found is not None and found[0] is not None:
            owners, ids, accounts, amounts, codes = found
            entries = Entries(_numbers(owners), _numbers(ids), _numbers(accounts), amounts.split(";"), codes.split(";"))
    return Rows(to_id, more, operations, entries)


def _numbers(column: bytes) -> Sequence[int]:
    """Read numbers of eight bytes each, in the order of bytes that PostgreSQL sends."""
    numbers = array("q", column)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _entry_ranges(operations: Sequence[Row]) -> list[tuple[int, int]]:
    """Merge what operations say of where their entries lie into few ranges, with small gaps; a slow poster's lie far behind."""
    pairs = sorted([(row[6], row[7]) for row in operations if row[6] is not None and row[7] is not None])
    if not pairs:
        return []
    ranges = []
    start, end = pairs[0]
    for first, last in pairs:
        if first > end + ENTRY_GAP_IDS_MAX:
            ranges.append((start, end))
            start, end = first, last
        elif last > end:
            end = last
    return [*ranges, (start, end)]


def _totals(entries: Entries, counted: Sequence[slice], accounts: Accounts) -> tuple[UnitTotals, ...]:
    account_ids, amounts = entries.accounts, entries.amounts
    if sum(own.stop - own.start for own in counted) < len(amounts):
        account_ids = [account_id for own in counted for account_id in entries.accounts[own]]
        amounts = [amount for own in counted for amount in entries.amounts[own]]
    if _NO_NUMBER in amounts:  # somebody wrote it into a sealed entry, whose leaf tells
        amounts = ["0" if amount == _NO_NUMBER else amount for amount in amounts]
    units = {account_id: accounts.texts[account_id].unit for account_id in set(account_ids)}
    found: defaultdict[str, list[int]] = defaultdict(list)
    for account_id, number in zip(account_ids, map(int, amounts), strict=True):
        found[units[account_id]].append(number)
    totals = []
    for unit, numbers in sorted(found.items()):
        total, moved = sum(numbers), sum(map(abs, numbers))
        totals.append(
            UnitTotals(unit, accounts.exponents[unit], len(numbers), (moved + total) // 2, (moved - total) // 2)
        )
    return tuple(totals)
