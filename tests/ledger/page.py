"""A page of a ledger: a book of its own, accounts by short names, operations written in, outcomes and balances read out.

A page is written as a bookkeeper would write it:

    account     "anna EUR floor 0.00"           name, unit, and the floor where there is one
    entries     "bank -100.00, anna 100.00"     each account with its signed amount (and a unit, where one is stated)
                "reverse salary"                the opposite of the operation with this key
    outcome     "accepted", a refusal code, or "key_reused"; with "again" behind it for a replay of what was recorded
    balances    "anna 100.00, bank -100.00"     in the scale of the unit

Whatever a page is told goes through `ledger.pipeline.accept`, the one door; nothing is ever cleaned up.
"""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

import msgspec
from django.db import connection
from django.utils import timezone

from accounts.models import Account, Book
from accounts.money import format_amount, parse_amount
from accounts.opening import NewAccount, Opened, open_accounts
from accounts.queries import AccountFacts, account_by_code, facts_by_code, units_by_code
from ledger import aggregates, balances, grid, messages, pipeline, queries
from ledger.account_changes import change_account
from ledger.contracts import KEY_REUSED, Message, Receipt, Sender
from ledger.sealing import publication, sealer
from security.models import Source

# (key, entries, outcome), and for an operation that says more (effective_at, description, metadata) a fourth member.
Row = tuple[str, str, str] | tuple[str, str, str, Mapping[str, Any]]
SETTLE_SECONDS_MAX = 30


@dataclass(frozen=True)
class Page:
    """One book, seen by one source."""

    book_id: int
    source_id: int

    @classmethod
    def open_new(cls, *accounts: str) -> Self:
        """A new book with a new source, and these accounts."""
        page = cls(Book.objects.create(name=f"page-{uuid.uuid4().hex}").id, _new_source())
        page.open(*accounts)
        return page

    def another_source(self) -> Self:
        """The same book, seen by another source."""
        return replace(self, source_id=_new_source())

    # --- writing -------------------------------------------------------------------------------------------------

    def open(self, *accounts: str) -> None:
        """Open accounts: `"anna EUR floor -5.00"`."""
        lines = [account.partition(" floor ") for account in accounts]
        named = [(*line[0].split(), line[2]) for line in lines]
        units = units_by_code(codes={unit for _, unit, _ in named})
        new = [
            NewAccount(name, unit, "", {}, parse_amount(floor, units[unit].exponent) if floor else None)
            for name, unit, floor in named
        ]
        opened = open_accounts(book_id=self.book_id, source_id=self.source_id, accounts=new)
        assert set(opened) <= {Opened.CREATED}, opened

    def write(self, *rows: Row) -> None:
        """Pass each row through the one door by itself, and compare what became of it."""
        told = [self.accept([self.message(row[0], row[1], *row[3:])])[0] for row in rows]

        assert _outcomes(rows, told) == [row[:3] for row in rows]

    def write_batch(self, *rows: Row, all_or_nothing: bool = False) -> None:
        """Pass all rows through the one door at once, and compare what became of each."""
        batch = [self.message(row[0], row[1], *row[3:]) for row in rows]
        told = self.accept(batch, all_or_nothing=all_or_nothing)

        assert _outcomes(rows, told) == [row[:3] for row in rows]

    def accept(self, batch: Sequence[Message], *, all_or_nothing: bool = False) -> list[str]:
        """Pass messages through the one door; return what became of each, as a page says it."""
        receipts = pipeline.accept(book_id=self.book_id, messages=batch, all_or_nothing=all_or_nothing)
        return [told(receipt) for receipt in receipts]

    def message(self, key: str, entries: str, more: Mapping[str, Any] | None = None) -> Message:
        """The message of one row."""
        if entries.startswith("reverse "):
            return self.reversal_of_id(key, self.operation_id(entries.removeprefix("reverse ")), more)
        return self.message_of_body(key, msgspec.json.encode({"entries": _entries(entries), **(more or {})}))

    def message_of_body(self, key: str, body: bytes) -> Message:
        """The message of a body exactly as received."""
        return messages.read_operation(body=body, key=key, sender=self.sender())

    def reversal_of_id(self, key: str, operation_id: int, more: Mapping[str, Any] | None = None) -> Message:
        """The message that asks to reverse an operation, whoever posted it."""
        body = msgspec.json.encode(more) if more else b""
        return messages.read_reversal(body=body, key=key, reverses=operation_id, sender=self.sender())

    def change(self, account: str, **changes: Any) -> None:
        """Change an account's attributes, amounts written in the unit's scale. Raises ChangeRefused."""
        exponent = self.facts(account).exponent
        for name in {"floor", "fast_debit_limit"} & changes.keys():
            changes[name] = None if changes[name] is None else parse_amount(changes[name], exponent)
        change_account(account=self.account(account), source_id=self.source_id, reason="a page", changes=changes)

    # --- reading -------------------------------------------------------------------------------------------------

    def shows(self, balances_expected: str) -> None:
        """Compare balances: the sum of the entries, and what is answered, first by the ledger and then by the grid."""
        expected = dict(line.split() for line in balances_expected.split(", "))
        assert {name: self.format(name, self.sum(name)) for name in expected} == expected

        for _ in range(2):
            answered = {name: self.format(name, self.balance(name).minor) for name in expected}
            assert answered == expected

    def balance(self, account: str) -> balances.Balance:
        """What the product answers when asked for the balance."""
        return balances.now(book_id=self.book_id, account_id=self.id(account))

    def sum(self, account: str) -> int:
        """The sum of the account's entries, in minor units: the law that every other answer is held against."""
        statement = "SELECT coalesce(sum(amount), 0) FROM ledger_entry WHERE book_id = %s AND account_id = %s"
        return int(self.query(statement, self.book_id, self.id(account))[0][0])

    def format(self, account: str, minor: int) -> str:
        """An amount in the scale of the account's unit."""
        return format_amount(minor, self.facts(account).exponent)

    def facts(self, account: str) -> AccountFacts:
        """What never changes about an account."""
        return facts_by_code(book_id=self.book_id, codes=[account])[account]

    def id(self, account: str) -> int:
        """The id of an account."""
        return self.facts(account).id

    def account(self, code: str) -> Account:
        """An account with its attributes of now."""
        return account_by_code(book_id=self.book_id, code=code)

    def operation_id(self, key: str) -> int:
        """The id of the operation with this key of this source."""
        statement = "SELECT operation_id FROM ledger_operation_key WHERE book_id = %s AND source_id = %s AND key = %s"
        return int(self.query(statement, self.book_id, self.source_id, key)[0][0])

    def recorded_at(self, key: str) -> datetime:
        """When the operation with this key was recorded."""
        operation, _ = queries.operation_with_entries(book_id=self.book_id, operation_id=self.operation_id(key))
        recorded_at: datetime = operation.recorded_at
        return recorded_at

    def count(self, table: str) -> int:
        """How many rows of a table belong to this book."""
        return int(self.query(f"SELECT count(*) FROM {table} WHERE book_id = %s", self.book_id)[0][0])

    def query(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    # --- time ----------------------------------------------------------------------------------------------------

    def aggregate(self) -> None:
        """Bring this book's aggregates up to all that is recorded by now."""
        newest = self.query("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ledger_entry_id_seq")[0][0]
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while aggregates.aggregate(book_id=self.book_id, safe=aggregates.marks.take_and_close()) < newest:
            # A writer of another test process holds the mark back: transaction ids belong to the whole server.
            assert time.monotonic() < deadline, "the marks do not close"
            time.sleep(0.01)

    def seal(self) -> list[int]:
        """Seal all that is recorded by now; return how many operations each block has."""
        safe = self.settle()
        book = Book.objects.get(id=self.book_id)
        sealed = sealer.seal(book=book, safe_id=safe)
        publication.publish(book=book)
        return sealed

    def settle(self) -> int:
        """Close a mark over all operations that are recorded by now, and return its id; other transactions may hold it back."""
        newest = self.query("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ledger_operation_id_seq")[0][0]
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while (safe := self._safe_operation_id()) < newest:
            assert time.monotonic() < deadline, "the marks do not close"
            time.sleep(0.01)
        return safe

    def _safe_operation_id(self) -> int:
        aggregates.marks.take_and_close()
        return int(self.query("SELECT coalesce(max(operation_id), 0) FROM ledger_mark")[0][0])

    def forget_cached(self, *accounts: str) -> None:
        """Drop what the grid holds of accounts."""
        for account in accounts:
            grid.forget(book_id=self.book_id, account_id=self.id(account))

    def sender(self) -> Sender:
        """Who writes on the page."""
        return Sender(
            source_id=self.source_id,
            credential="a page",
            received_at=datetime.now(UTC),
            request_id="request-of-a-page",
        )


def told(receipt: Receipt) -> str:
    """What became of one message, as a page says it."""
    return f"{receipt.outcome} again" if receipt.replayed and receipt.outcome != KEY_REUSED else receipt.outcome


def _outcomes(rows: Sequence[Row], told: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(row[0], row[1], outcome) for row, outcome in zip(rows, told, strict=True)]


def _entries(text: str) -> list[dict[str, str]]:
    return [dict(zip(("account", "amount", "unit"), entry.split(), strict=False)) for entry in text.split(", ")]


def _new_source() -> int:
    return Source.objects.create(kind=Source.Kind.CLIENT, name=f"page {uuid.uuid4()}", created_at=timezone.now()).id
