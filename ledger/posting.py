"""Posting: drafts into the ledger by one SQL statement (sql/post_v1.sql), on the thread's own prepared connection.

The call is a transaction of its own: no lock is held across a round trip. Nothing here retries; the caller may call again
with the same keys.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection
from psycopg.types.json import Jsonb

from ledger.contracts import ACCEPTED, Draft, Message, PostedEntry, Receipt

_POST = (
    "SELECT o_operation, o_outcome, o_replayed, o_recorded, o_entry FROM public.ledger_post_v1("
    "%b::int, %b::bigint[], %b::text[], %b::text[], %b::bytea[], %b::bytea[], %b::text[], %b::timestamptz[],"
    " %b::timestamptz[], %b::bigint[], %b::jsonb[], %b::text[], %b::int[], %b::bigint[], %b::numeric[], %b, %b::bigint[])"
)


def post(*, book_id: int, messages: Sequence[Message], drafts: Sequence[Draft], all_or_nothing: bool) -> list[Receipt]:
    """Post drafts of messages, at most POST_OPERATIONS_PER_CALL unless all or nothing; one receipt each, in order."""
    accounts = [account for draft in drafts for account, _ in draft.entries]
    row = execute(
        _POST,
        (
            book_id,
            [message.source_id for message in messages],
            [message.key for message in messages],
            [str(message.kind) for message in messages],
            [message.body for message in messages],
            [message.message_hash for message in messages],
            [message.credential for message in messages],
            [message.received_at for message in messages],
            [message.effective_at for message in messages],
            _unless_all_none([message.reverses for message in messages]),
            _unless_all_none([_jsonb(message.content.metadata) for message in messages]),
            _unless_all_none([draft.refusal and str(draft.refusal) for draft in drafts]),
            [ordinal for ordinal, draft in enumerate(drafts, 1) for _ in draft.entries],
            [account.id for account in accounts],
            [amount for draft in drafts for _, amount in draft.entries],
            all_or_nothing,
            _unless_all_none([message.inbox_id for message in messages]),
        ),
    )
    return _receipts(drafts, *row)


def execute(statement: str, parameters: Sequence[Any]) -> Any:
    """Run one prepared statement in its own transaction, with binary parameters and result; return its one row.

    Raises Django's database errors, so that a broken connection is replaced before the thread's next request.
    """
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    with connection.wrap_database_errors, psycopg.Cursor(raw) as cursor:
        return cursor.execute(statement, parameters, prepare=True, binary=True).fetchone()


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


def _jsonb(value: dict[str, str] | None) -> Jsonb | None:
    return None if value is None else Jsonb(value)


def _unless_all_none(values: list[Any]) -> list[Any] | None:
    """An array of nothing but NULL has no element type; the statement takes NULL for it."""
    return values if any(value is not None for value in values) else None
