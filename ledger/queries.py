"""Reads of the ledger: operations, entries, history, lineage. Nothing here writes."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Self

from django.db import connection

from accounts.queries import facts_by_code
from appendonly.sqlfiles import read_sql
from ledger.contracts import ACCEPTED, Kind, KnownAccount, Message, Original, PostedEntry
from ledger.models import Entry, Operation
from ledger.posting import execute
from metrics.repository import observed
from security.models import Source

_ENTRIES = read_sql("ledger/sql/read/entries_of_operations.sql")
_LISTS = {
    (name, direction): read_sql(f"ledger/sql/read/{name}.sql").replace("{direction}", direction)
    for name in ("history", "operations", "operations_of_account")
    for direction in ("ASC", "DESC")
}
_SEQUENCES = """
    SELECT CASE WHEN o.is_called THEN o.last_value ELSE 0 END, CASE WHEN e.is_called THEN e.last_value ELSE 0 END
    FROM public.ledger_operation_id_seq o, public.ledger_entry_id_seq e
"""
_SETTLED = """
    SELECT pg_snapshot_xmin(pg_current_snapshot()) > %b::text::xid8, coalesce(m.operation_id, 0), coalesce(m.entry_id, 0)
    FROM (SELECT 1) one LEFT JOIN (SELECT * FROM public.ledger_mark ORDER BY id DESC LIMIT 1) m ON true
"""
_PERIOD = read_sql("ledger/sql/read/period.sql")
_KEY_USED = "SELECT 1 FROM public.ledger_operation_key WHERE book_id = %s AND source_id = %s AND key = %s"
_OUTCOMES_OF_KEYS = read_sql("ledger/sql/read/outcomes_of_keys.sql")
# A read of a sequence and a probe of the inbox: some ten microseconds.
_ACTIVITY = """
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END,
           EXISTS (SELECT FROM public.ledger_inbox i WHERE i.priority <= 2 AND i.taken_until < clock_timestamp())
    FROM public.ledger_operation_id_seq
"""
ID_MAX = 2**63 - 1


class OperationUnknown(LookupError):  # noqa: N818 - an answer, not a defect
    """There is no such operation in this book, or none that the asker may know of: both are told alike."""

    @classmethod
    def named(cls, operation_id: int) -> Self:
        """The error about one operation."""
        return cls(f"There is no operation {operation_id} in this book.")


class EntryUnknown(LookupError):  # noqa: N818 - an answer, not a defect
    """There is no such entry in this book, or none that the asker may know of."""

    @classmethod
    def named(cls, entry_id: int) -> Self:
        """The error about one entry."""
        return cls(f"There is no entry {entry_id} in this book.")


def known_accounts(*, book_id: int, messages: Iterable[Message]) -> Mapping[str, KnownAccount]:
    """Return the unchanging facts of every account that the messages name and that exists, by code."""
    codes = {entry.account for message in messages for entry in message.content.entries}
    return {
        code: KnownAccount(facts.id, facts.code, facts.unit, facts.exponent)
        for code, facts in facts_by_code(book_id=book_id, codes=codes).items()
    }


def originals(*, book_id: int, ids: Collection[int]) -> Mapping[int, Original]:
    """Return the operations that reversals name, with their entries. Raises OperationUnknown."""
    if not ids:
        return {}
    operations = operations_by_id(book_id=book_id, ids=ids)
    if unknown := set(ids) - operations.keys():
        raise OperationUnknown.named(min(unknown))
    entries = entries_of(book_id=book_id, operation_ids=ids)
    return {
        operation.id: Original(
            operation.id,
            operation.source_id,
            operation.outcome == ACCEPTED and operation.kind != Kind.REVERSAL,
            tuple(entries[operation.id]),
        )
        for operation in operations.values()
    }


@observed(repository="operations")
def is_key_used(*, book_id: int, source_id: int, key: str) -> bool:
    """Whether a key of a source already names an operation."""
    with connection.cursor() as cursor:
        cursor.execute(_KEY_USED, (book_id, source_id, key))
        return cursor.fetchone() is not None


@observed(repository="operations")
def operations_by_id(*, book_id: int, ids: Collection[int]) -> dict[int, Operation]:
    """Return those of the operations that exist in the book, by id, with their source and book."""
    rows = Operation.objects.select_related("source", "book").filter(book_id=book_id, id__in=list(ids))
    return {operation.id: operation for operation in rows}


@observed(repository="operations", expected=(OperationUnknown,))
def operation_with_entries(*, book_id: int, operation_id: int) -> tuple[Operation, list[PostedEntry]]:
    """Return one operation and its entries. Raises OperationUnknown."""
    found = operations_by_id(book_id=book_id, ids=[operation_id])
    if operation_id not in found:
        raise OperationUnknown.named(operation_id)
    return found[operation_id], entries_of(book_id=book_id, operation_ids=[operation_id])[operation_id]


@observed(repository="entries")
def entries_of(*, book_id: int, operation_ids: Collection[int]) -> dict[int, list[PostedEntry]]:
    """Return the entries of operations in order, by operation id; one query."""
    found: defaultdict[int, list[PostedEntry]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, (list(operation_ids), book_id))
        for operation_id, entry_id, account_id, code, unit, exponent, amount in cursor.fetchall():
            account = KnownAccount(account_id, code, unit, exponent)
            found[operation_id].append(PostedEntry(entry_id, account, int(amount)))
    return found


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list: ids exclusive on both sides, order, and how many rows."""

    after: int = 0
    before: int = ID_MAX
    ascending: bool = False
    rows: int = 100


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of an account with the balance after it, in minor units."""

    entry_id: int
    operation_id: int
    key: str
    amount_minor: int
    balance_minor: int
    recorded_at: datetime
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class OperationFilter:
    """Filters of the list of operations; None means any. The period is half-open in recorded time."""

    source_id: int | None = None
    key: str | None = None
    outcome: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    metadata: Mapping[str, str] | None = None
    account_id: int | None = None

    @property
    def by_entry(self) -> bool:
        """Whether the list is of operations that changed an account: then its positions are entry ids."""
        return self.account_id is not None and self.outcome in {None, ACCEPTED}


@observed(repository="entries")
def history(
    *, book_id: int, account_id: int, since: datetime | None, until: datetime | None, window: Window
) -> list[HistoryRow]:
    """Return one page of an account's entries recorded in [since, until), with the running balance, in the window's order."""
    rows = _page("history", window, {"book": book_id, "account": account_id, "since": since, "until": until})
    return [
        HistoryRow(entry_id, operation_id, key, int(amount), int(balance), recorded_at, effective_at)
        for entry_id, operation_id, key, amount, balance, recorded_at, effective_at in rows
    ]


@observed(repository="operations")
def operation_positions(*, book_id: int, where: OperationFilter, window: Window) -> list[tuple[int, int]]:
    """Return one page of (operation id, position in this list); the position is what the window's bounds mean.

    With an account, these are the operations that changed it, unless `outcome` is a refusal: then those that would have.
    """
    parameters = {
        "book": book_id,
        "source": where.source_id,
        "key": where.key,
        "sources": None if where.key is None else sources_of_key(where.source_id),
        "outcome": where.outcome,
        "kind": where.kind,
        "since": where.since,
        "until": where.until,
        "metadata": None if where.metadata is None else json.dumps(dict(where.metadata)),
        "account": where.account_id,
    }
    return [
        (row[0], row[1])
        for row in _page("operations_of_account" if where.by_entry else "operations", window, parameters)
    ]


@observed(repository="marks")
def safe_ids() -> tuple[int, int]:
    """Return an operation id and an entry id at or below which nothing can appear any more.

    They are the newest, where no writer is under way, else those of the last mark. The order of the three statements is
    what makes it right: sequences first, then a transaction id of one's own, then the oldest one running (sql/mark.sql).
    """
    operation_id, entry_id = execute(_SEQUENCES, ())
    own = execute("SELECT pg_current_xact_id()::text", ())[0]
    settled, marked_operation, marked_entry = execute(_SETTLED, (own,))
    return (operation_id, entry_id) if settled else (marked_operation, marked_entry)


@lru_cache(maxsize=10_000)
@observed(repository="sources")
def source_name(source_id: int) -> str:
    """Return the name of a source; it never changes."""
    return Source.objects.values_list("name", flat=True).get(id=source_id)


def sources_of_key(source_id: int | None) -> list[int]:
    """Return whose keys a look-up by key is among: keys are unique in a source, and found through it."""
    return [source_id] if source_id is not None else list(Source.objects.values_list("id", flat=True))


def _page(name: str, window: Window, parameters: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
    after, before = window.after, window.before
    with connection.cursor() as cursor:
        if parameters["since"] is not None or parameters["until"] is not None:
            cursor.execute(_PERIOD, {"since": parameters["since"], "until": parameters["until"]})
            bounds = cursor.fetchone()
            low, high = bounds[2:] if name == "operations" else bounds[:2]
            after, before = max(after, low), min(before, high)
        cursor.execute(
            _LISTS[name, "ASC" if window.ascending else "DESC"],
            {**parameters, "after": after, "before": before, "rows": window.rows},
        )
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return rows


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the message of a key; `credential` tells through what it came."""

    operation_id: int
    outcome: str
    credential: str


@observed(repository="operations")
def outcomes_of_keys(*, book_id: int, source_id: int, keys: Sequence[str]) -> list[Outcome | None]:
    """Return what became of the messages of a source with these keys, in order; None where there is none."""
    found: list[Outcome | None] = [None] * len(keys)
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES_OF_KEYS, (list(keys), book_id, source_id, book_id))
        for place, operation_id, outcome, credential in cursor.fetchall():
            found[place - 1] = Outcome(operation_id, outcome, credential)
    return found


def activity() -> tuple[int, bool]:
    """Return the newest operation id that was drawn, and whether critical or normal messages wait in the inbox.

    Who posts much at a time learns from it whether others post as well: ids that it did not draw itself are theirs.
    """
    operation_id, is_waiting = execute(_ACTIVITY, ())
    return int(operation_id), bool(is_waiting)


@observed(repository="operations")
def reversal_of(*, book_id: int, operation_id: int) -> int | None:
    """Return the id of the operation that reversed this one, or None."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT operation_id FROM ledger_operation_key WHERE book_id = %s AND source_id = 0 AND key = %s",
            (book_id, f"reversal:{operation_id}"),
        )
        row = cursor.fetchone()
    return None if row is None else int(row[0])


@observed(repository="entries", expected=(EntryUnknown,))
def operation_of_entry(*, book_id: int, entry_id: int) -> tuple[Operation, list[PostedEntry], PostedEntry]:
    """Return an entry's operation, all its entries, and the entry. Raises EntryUnknown."""
    row = Entry.objects.filter(book_id=book_id, id=entry_id).values_list("operation_id", flat=True).first()
    if row is None:
        raise EntryUnknown.named(entry_id)
    operation, entries = operation_with_entries(book_id=book_id, operation_id=row)
    return operation, entries, next(entry for entry in entries if entry.id == entry_id)
