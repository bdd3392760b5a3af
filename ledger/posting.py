"""Posting: drafts into the ledger by one SQL statement (sql/post_v1.sql), on the thread's own prepared connection.

The call is a transaction of its own: no lock is held across a round trip. It is made once more where the connection broke,
and the caller may call again with the same keys.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from ledger import arrays
from ledger.contracts import ACCEPTED, Draft, Macs, Message, PostedEntry, Receipt
from ledger.limits import CURSOR_KEPT_MESSAGES_MAX
from metrics.instruments import POSTING, count_gate
from metrics.repository import observed

_POST = (
    "SELECT o_operation, o_outcome, o_replayed, o_recorded, o_entry, o_gate FROM public.ledger_post_v1("
    "%b::int, %b::bigint[], %b::text[], %b::text[], %b::bytea[], %b::bytea[], %b::text[], %b::timestamptz[],"
    " %b::timestamptz[], %b::bigint[], %b::jsonb[], %b::text[], %b::int[], %b::bigint[], %b::numeric[], %b, %b::bigint[],"
    " %b::text[], %b::text[], %b::text[], %b::bytea[], %b::text, %b::int[], %b::bigint[], %b::numeric[], %b::numeric[])"
)
# Django gives psycopg no threshold, and then even `prepare=True` prepares nothing. With this one only that does.
_ON_DEMAND = sys.maxsize
_INT8_MIN, _INT8_MAX = -(2**63), 2**63 - 1


class _Thread(threading.local):
    """What one thread has: its newest connection, which prepares what is asked to be, and a cursor on it."""

    connection: psycopg.Connection[Any] | None = None
    cursor: psycopg.Cursor[Any] | None = None


_thread = _Thread()


@observed(repository="operations")
def post(
    *, book_id: int, messages: Sequence[Message], drafts: Sequence[Draft], macs: Macs, all_or_nothing: bool
) -> list[Receipt]:
    """Post drafts of messages, at most POST_OPERATIONS_PER_CALL unless all or nothing; one receipt each, in order."""
    if connection.in_atomic_block:  # its rollback would take back what the grid was told
        raise RuntimeError("A posting is a transaction of its own and cannot be part of another.")
    POSTING.observe(len(messages))
    entries = [entry for draft in drafts for entry in draft.entries]
    *told, gate = _execute_by_keys(
        (
            book_id,
            arrays.int8s([message.source_id for message in messages]),
            arrays.texts([message.key for message in messages]),
            arrays.texts([message.kind.value for message in messages]),
            arrays.byteas([message.body for message in messages]),
            arrays.byteas([message.message_hash for message in messages]),
            arrays.texts([message.credential for message in messages]),
            arrays.moments([message.received_at for message in messages]),
            _unless_all_none(arrays.moments, [message.effective_at for message in messages]),
            _unless_all_none(arrays.int8s, [message.reverses for message in messages]),
            _unless_all_none(arrays.jsonbs, [_json(message.content.metadata) for message in messages]),
            _unless_all_none(arrays.texts, [draft.refusal and draft.refusal.value for draft in drafts]),
            arrays.int4s([ordinal for ordinal, draft in enumerate(drafts, 1) for _ in draft.entries]),
            arrays.int8s([account.id for account, _ in entries]),
            _amounts([amount for _, amount in entries]),
            all_or_nothing,
            _unless_all_none(arrays.int8s, [message.inbox_id for message in messages]),
            _unless_all_none(arrays.texts, [message.request_id for message in messages]),
            _unless_all_none(arrays.texts, [message.traceparent for message in messages]),
            _unless_all_none(arrays.texts, [message.signature for message in messages]),
            arrays.byteas(macs.codes),
            macs.key,
            *_spendings(drafts),
        ),
    )
    if len(messages) > CURSOR_KEPT_MESSAGES_MAX:
        _thread.cursor = None
    if gate is not None:
        count_gate(gate)
    return _receipts(drafts, *told)


def _execute_by_keys(parameters: Sequence[Any]) -> Any:
    """Call the posting function; where the connection breaks, call it once more on a new one.

    Whether the first call took effect before the connection broke, nobody here knows; the keys do.
    """
    try:
        return execute(_POST, parameters)
    except (OperationalError, InterfaceError):
        connection.close_if_unusable_or_obsolete()
        if connection.connection is not None:  # the connection is sound: the call itself was refused or too slow
            raise
        return execute(_POST, parameters)


def execute(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Any:
    """Run one prepared statement in its own transaction, with binary parameters and result; return its one row.

    Raises Django's database errors, so that a broken connection is replaced before the thread's next request. Most calls of the
    API come through here, so a thread keeps its cursor and looks its connection up once.
    """
    own = connections[DEFAULT_DB_ALIAS]
    cursor = _cursor(own)
    with own.wrap_database_errors:
        return cursor.execute(statement, parameters, prepare=True, binary=True).fetchone()


@contextmanager
def prepared() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor on the thread's own connection that prepares what is asked to be (`prepare=True`), for statements of many rows."""
    own = connections[DEFAULT_DB_ALIAS]
    with own.wrap_database_errors, psycopg.Cursor(_cursor(own).connection) as cursor:
        yield cursor


def _cursor(own: BaseDatabaseWrapper) -> psycopg.Cursor[Any]:
    """The cursor of this thread on its connection, which is made where there is none and prepares what is asked to be."""
    own.ensure_connection()
    raw: psycopg.Connection[Any] = own.connection
    if _thread.connection is not raw:
        arrays.register(raw)
        raw.prepare_threshold = _ON_DEMAND
        _thread.connection, _thread.cursor = raw, None
    if _thread.cursor is None:
        _thread.cursor = psycopg.Cursor(raw)
    return _thread.cursor


@contextmanager
def planned_once() -> Iterator[None]:
    """Keep PostgreSQL from planning prepared statements anew at each call: for reads of few rows that takes longer than reading.

    Only for statements that are probes of keys whatever they are given: this holds within functions that are called too.
    """
    with prepared() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        try:
            yield
        finally:
            cursor.execute("RESET plan_cache_mode")


def _receipts(
    drafts: Sequence[Draft], operations: Any, outcomes: Any, replayed: Any, recorded_at: Any, entry_ids: Any
) -> list[Receipt]:
    ids = iter(entry_ids or ())
    receipts = []
    for draft, operation_id, outcome, is_replay in zip(drafts, operations, outcomes, replayed, strict=True):
        own = [next(ids) for _ in draft.entries]
        if is_replay or outcome != ACCEPTED:
            receipts.append(Receipt(operation_id, outcome, is_replay, None if is_replay else recorded_at))
        else:
            entries = tuple(
                PostedEntry(entry_id, account, amount)
                for entry_id, (account, amount) in zip(own, draft.entries, strict=True)
            )
            receipts.append(Receipt(operation_id, outcome, False, recorded_at, entries))  # noqa: FBT003 - a field, not a switch
    return receipts


def _spendings(drafts: Sequence[Draft]) -> tuple[Any, Any, Any, Any]:
    """What the drafts take of sums per day, as parallel arrays; none for most calls."""
    spendings = [(ordinal, spending) for ordinal, draft in enumerate(drafts, 1) for spending in draft.spendings]
    if not spendings:
        return None, None, None, None
    return (
        arrays.int4s([ordinal for ordinal, _ in spendings]),
        arrays.int8s([spending.grant_id for _, spending in spendings]),
        _amounts([spending.amount_minor for _, spending in spendings]),
        _amounts([spending.day_max_minor for _, spending in spendings]),
    )


def _amounts(amounts: list[int]) -> Any:
    """Amounts beyond 64 bits go as numeric, by psycopg's own way; the others packed, and PostgreSQL widens them."""
    if all(_INT8_MIN <= amount <= _INT8_MAX for amount in amounts):
        return arrays.int8s(amounts)
    return [Decimal(amount) for amount in amounts]


def _json(value: dict[str, str] | None) -> bytes | None:
    return None if value is None else msgspec.json.encode(value)


def _unless_all_none(pack: Callable[[list[Any]], arrays.PackedArray], values: list[Any]) -> arrays.PackedArray | None:
    """Most calls have none of these: the statement then takes one NULL for the whole array."""
    return pack(values) if any(value is not None for value in values) else None
