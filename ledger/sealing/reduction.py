"""What stays in the tables of an operation whose partition was detached: made from the archive, and held against it.

A reduced operation has every column that replays, lists, searches and checks read. Of the message it has the description and the
metadata; the rest of it, the evidence of a signature, the request, the code and the salt are in the archive alone.
"""

from collections.abc import Callable, Iterator

import msgspec
from django.db import connection, transaction
from psycopg import sql

from appendonly.sqlfiles import read_sql
from ledger.sealing import archive_file, archives
from ledger.sealing.archive_file import Archive

_OPERATIONS = read_sql("ledger/sql/read/archived_operations.sql")
_GONE = ("request_id", "traceparent", "signature", "mac", "mac_key")
_NULLABLE = frozenset(("reverses", "metadata", "refused_accounts", "entry_first", "entry_last", *_GONE))


class _Words(msgspec.Struct):
    """The members of a message that are shown with an operation, as its sender wrote them."""

    description: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    metadata: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_words = msgspec.json.Decoder(_Words)


def reduced(row: dict[str, str]) -> dict[str, str]:
    """Return what stays of an operation; both as archives write them."""
    message = words_of(bytes.fromhex(row["message"].removeprefix("\\x")))
    return row | dict.fromkeys(_GONE, "") | {"message": f"\\x{message.hex()}", "salt": "\\x"}


def words_of(message: bytes) -> bytes:
    """Return what stays of a message; nothing where it has no words, or was written by hand and is no message."""
    try:
        words = _words.decode(message or b"{}")
    except msgspec.DecodeError:
        return b""
    kept = msgspec.json.encode(words)
    return b"" if kept == b"{}" else kept


def fill(*, table: str, archive: Archive, above: int, progress: Callable[[int], None]) -> None:
    """Write the reduced operations of an archive above an id into a table; part by part, as a long writer delays the seal."""
    done = 0
    for _, _, rows in archive.rows(from_id=above, to_id=archive.manifest.to_id):
        missing = [reduced(row) for row in rows if int(row["id"]) > above]
        if missing:
            _write(table, missing)
        done += len(rows)
        progress(done)


def _write(table: str, rows: list[dict[str, str]]) -> None:
    columns = list(rows[0])
    statement = sql.SQL("COPY public.{} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with transaction.atomic(), connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([None if name in _NULLABLE and not row[name] else row[name] for name in columns])


def faults(*, book_id: int, archive: Archive, from_id: int, to_id: int) -> Iterator[int]:
    """Yield the operations of a book whose reduced rows are not what their archive makes of them, or that only one has.

    Whole parts of the archive are compared, those with ids above one up to another. Raises ArchiveDamaged.
    """
    for start, end, kept in archive.rows(from_id=from_id, to_id=to_id):
        told = archives.as_csv(statement=_OPERATIONS, books=[book_id], from_id=start, to_id=end)
        stored = {row["id"]: row for row in archive_file.table(told)}
        wanted = {row["id"]: reduced(row) for row in kept if row["book_id"] == str(book_id)}
        for operation_id in sorted({*stored, *wanted}, key=int):
            if stored.get(operation_id) != wanted.get(operation_id):
                yield int(operation_id)
