"""Records as the API shows them: ids as strings, amounts in the unit's scale, times in RFC 3339."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from accounts.models import Account
from accounts.money import format_amount
from ledger.balances import Balance
from ledger.contracts import Message, PostedEntry, Receipt
from ledger.models import Operation


class _Words(msgspec.Struct):
    """What only the message holds, in the order its sender wrote it."""

    description: str | None = None
    metadata: dict[str, str] | None = None


_words = msgspec.json.Decoder(_Words)


def time_text(moment: datetime) -> str:
    """A moment as RFC 3339 in UTC, with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def account_document(account: Account) -> dict[str, Any]:
    """An account with its attributes, without its balance."""
    floor = None if account.floor is None else format_amount(int(account.floor), account.unit.exponent)
    return {
        "code": account.code,
        "book": account.book.name,
        "unit": account.unit.code,
        "name": account.name,
        "metadata": account.metadata,
        "status": account.status,
        "floor": floor,
        "opened_at": time_text(account.opened_at),
    }


def operation_document(operation: Operation, entries: Iterable[PostedEntry]) -> dict[str, Any]:
    """An operation with its entries, from the table."""
    words = _words.decode(bytes(operation.message) or b"{}")
    return {
        "id": str(operation.id),
        "book": operation.book.name,
        "source": operation.source.name,
        "key": operation.key,
        "kind": operation.kind,
        "outcome": operation.outcome,
        "received_at": time_text(operation.received_at),
        "recorded_at": time_text(operation.recorded_at),
        "effective_at": time_text(operation.effective_at),
        "description": words.description,
        "metadata": words.metadata or {},
        "reverses": None if operation.reverses is None else str(operation.reverses),
        "entries": [entry_document(entry) for entry in entries],
    }


def posted_document(message: Message, receipt: Receipt, *, book: str, source: str) -> dict[str, Any]:
    """An operation that was just accepted, without reading it again; equal to operation_document of the stored one."""
    recorded_at = receipt.recorded_at or message.received_at
    return {
        "id": str(receipt.operation_id),
        "book": book,
        "source": source,
        "key": message.key,
        "kind": message.kind,
        "outcome": receipt.outcome,
        "received_at": time_text(message.received_at),
        "recorded_at": time_text(recorded_at),
        "effective_at": time_text(message.effective_at or recorded_at),
        "description": message.content.description,
        "metadata": message.content.metadata or {},
        "reverses": None if message.reverses is None else str(message.reverses),
        "entries": [entry_document(entry) for entry in receipt.entries],
    }


def entry_document(entry: PostedEntry) -> dict[str, str]:
    """One entry of an operation."""
    return {
        "id": str(entry.id),
        "account": entry.account.code,
        "unit": entry.account.unit,
        "amount": format_amount(entry.amount_minor, entry.account.exponent),
    }


def balance_document(*, code: str, unit: str, exponent: int, balance: Balance) -> dict[str, str | None]:
    """A balance; `available` is what is above the floor, null without one or for a past moment."""
    available = None
    if balance.floor_minor is not None:
        available = format_amount(balance.minor - balance.floor_minor, exponent)
    return {
        "account": code,
        "unit": unit,
        "balance": format_amount(balance.minor, exponent),
        "available": available,
        "as_of": time_text(balance.as_of),
        "source": balance.source,
    }
