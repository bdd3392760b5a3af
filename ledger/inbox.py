"""The inbox: messages stored now and posted later, by priority. The SQL and its invariants are in sql/*inbox*.sql.

Storing a message rings a bell for the workers; the bell is only a hint, beat rings it again every second. A message becomes
exactly one operation because its key does, whatever happens to workers on the way.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from django.db import DatabaseError, connection

from ledger import pipeline
from ledger.contracts import Kind, Message, Priority, Sender
from ledger.limits import INBOX_LEASE_SECONDS, INBOX_TAKE_ROWS, INBOX_TAKES_PER_RUN
from ledger.messages import reread
from ledger.sealing import mac
from metrics.repository import observed
from security.grants import rights_of_sources

WAITING = "waiting"
_NUMBERS = {Priority.CRITICAL: 1, Priority.NORMAL: 2, Priority.BULK: 3}
_PUT = (
    "SELECT state, operation_id FROM public.ledger_put_inbox_v1(%s::int, %s::bigint[], %s::text[], %s::text[], %s::bytea[],"
    " %s::bytea[], %s::text[], %s::timestamptz[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::smallint,"
    " %s::bytea[], %s::text) ORDER BY ordinal"
)
_TAKE = (
    "SELECT id, book_id, mac, mac_key, key, kind, message, reverses, source_id, credential, received_at, request_id,"
    " traceparent, signature FROM public.ledger_take_inbox_v1(%s, make_interval(secs => %s))"
)
_SOURCE = 8  # the place of the source in what _TAKE returns
# One statement, one snapshot: a message is in the inbox or has its operation, never neither.
_STATE = """
    SELECT coalesce(o.outcome, 'waiting'), o.id
    FROM (SELECT 1) one
    LEFT JOIN ledger_operation_key k ON k.book_id = %(book)s AND k.source_id = %(source)s AND k.key = %(key)s
    LEFT JOIN ledger_operation o ON o.book_id = k.book_id AND o.id = k.operation_id
    WHERE o.id IS NOT NULL OR EXISTS (
      SELECT FROM ledger_inbox i WHERE i.book_id = %(book)s AND i.source_id = %(source)s AND i.key = %(key)s)
"""
logger = logging.getLogger(__name__)


class Stored(NamedTuple):
    """What became of a message to store: `waiting`, `key_reused`, or the outcome of the operation it already is."""

    state: str
    operation_id: int | None


@observed(repository="inbox")
def put(*, book_id: int, messages: Sequence[Message], priority: Priority) -> list[Stored]:
    """Store messages of one book for later; one result each, in order. When it returns, they are stored for good."""
    macs = mac.of_messages(book_id=book_id, messages=messages)
    with connection.cursor() as cursor:
        cursor.execute(
            _PUT,
            (
                book_id,
                [message.source_id for message in messages],
                [message.key for message in messages],
                [str(message.kind) for message in messages],
                [message.body for message in messages],
                [message.message_hash for message in messages],
                [message.credential for message in messages],
                [message.received_at for message in messages],
                [message.reverses for message in messages],
                [message.request_id for message in messages],
                [message.traceparent for message in messages],
                [message.signature for message in messages],
                _NUMBERS[priority],
                macs.codes,
                macs.key,
            ),
        )
        return [Stored(*row) for row in cursor.fetchall()]


@observed(repository="inbox")
def drain() -> int:
    """Post what waits, by class and age, until nothing waits or this run has done its share; return how many were posted."""
    posted = 0
    for _ in range(INBOX_TAKES_PER_RUN):
        taken = _take()
        if not taken:
            break
        posted += sum(_post(book_id, messages) for book_id, messages in taken.items())
    return posted


@observed(repository="inbox")
def state_of(*, book_id: int, source_id: int, key: str) -> Stored | None:
    """Return what became of the message of this key, or None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE, {"book": book_id, "source": source_id, "key": key})
        row = cursor.fetchone()
    return None if row is None else Stored(*row)


def _post(book_id: int, messages: list[Message]) -> int:
    """Post messages together; if that fails, one by one, so that none holds up the others. What fails stays in the inbox."""
    try:
        return len(pipeline.accept(book_id=book_id, messages=messages))
    except DatabaseError as error:
        logger.warning("Posting %s messages of the inbox failed (%s); each goes by itself.", len(messages), error)
    posted = 0
    for message in messages:
        connection.close_if_unusable_or_obsolete()
        try:
            posted += len(pipeline.accept(book_id=book_id, messages=[message]))
        except DatabaseError:
            logger.exception("Message %s of the inbox stays until its lease has ended.", message.inbox_id)
    return posted


def _take() -> dict[int, list[Message]]:
    """Take the next messages, by book, each book's in the order of their turn; judged by what their senders may do now."""
    books: defaultdict[int, list[Message]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, (INBOX_TAKE_ROWS, INBOX_LEASE_SECONDS))
        rows = cursor.fetchall()
    rights = rights_of_sources(source_ids={row[_SOURCE] for row in rows}) if rows else {}
    for inbox_id, book_id, code, mac_key, key, kind, body, reverses, *sender in rows:
        asked = Sender(*sender)
        message = reread(
            kind=Kind(kind),
            body=bytes(body),
            key=key,
            reverses=reverses,
            sender=msgspec.structs.replace(asked, rights=rights[asked.source_id]),
            inbox_id=inbox_id,
        )
        if mac.is_genuine_message(book_id=book_id, message=message, code=code, key_name=mac_key):
            books[book_id].append(message)
        else:
            logger.error("Message %s of the inbox was not stored by this service: it is not posted.", inbox_id)
    return books
