"""Archives of sealed operations: which there are, and reading them where the rows are no more.

An archive holds the operations of one partition. Entries, keys and everything derived stay in the database, so balances,
history and the answer to a repeated key need no file. Where `manage.py archive` detached a partition, reduced operations have its
place (sql/reduced_partition_v1.sql): only lineage, receipts and verification need the file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger.limits import ARCHIVES_OPEN_MAX
from ledger.models import Operation, SealArchive, SealQuarantine
from ledger.sealing import chain, contents, mac, tree
from ledger.sealing.archive_file import Archive, ArchiveDamaged, ArchivedOperation, Manifest
from ledger.sealing.contents import Row, Rows, with_entries
from ledger.sealing.leaves import Clock, account_texts, entry_text, operation_leaf, operation_texts
from metrics.repository import observed

_PARTITIONS = read_sql("ledger/sql/read/partitions_of_operations.sql")
_CLOCK = Clock()


class ArchiveMissing(LookupError):  # noqa: N818 - an answer, not a defect
    """Operations lie in an archive that is in none of the folders, or is not the one that was sealed; the message says which."""


@dataclass(frozen=True, slots=True)
class Partition:
    """An attached partition of operations, with ids above `from_id` up to `to_id`; or a reduced one in its place."""

    name: str
    from_id: int
    to_id: int
    reduced: bool = False


@dataclass(frozen=True, slots=True)
class Shelved:
    """Operations of a book that are not in the database: their range, the names and hashes of archives of it, and the file.

    `reduced` names the partition with what stays of them, if there is one. Without a path there is no file that can be used:
    `fault` says why, `found` whether there was one at all.
    """

    from_id: int
    to_id: int
    hashes: tuple[tuple[str, bytes], ...]
    reduced: str | None
    path: Path | None = None
    found: bool = False
    fault: str | None = None


@observed(repository="seals")
def as_csv(*, statement: str, books: list[int], from_id: int, to_id: int) -> bytes:
    """Return the rows of a statement about some books and a range of ids as CSV with its header line."""
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    statement = f"COPY ({statement}) TO STDOUT WITH (FORMAT csv, HEADER, ENCODING 'UTF8')"
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(raw) as cursor,
        cursor.copy(statement, (books, from_id, to_id)) as copy,
    ):
        return b"".join(bytes(piece) for piece in copy)


@observed(repository="seals")
def partitions() -> list[Partition]:
    """Return the attached partitions of operations in the order of ids."""
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONS)
        return [Partition(*row) for row in cursor.fetchall()]


class Shelf:
    """The archives of one book whose operations are not in the database any more, as far as they are found in the folders."""

    def __init__(self, book: Book, folders: Sequence[Path] | None = None, *, only: int | None = None) -> None:
        """Look for them, or for the one that holds the operation `only`. Without folders, in those of the settings."""
        self.book = book
        self._folders = [Path(folder) for folder in (settings.ARCHIVE_DIRECTORIES if folders is None else folders)]
        self.shelved = [self._find(place) for place in _detached(book.id, only)]
        self._open: dict[Path, Archive] = {}

    @property
    def ranges(self) -> dict[str, list[int]]:
        """The ranges of ids without any operation in the tables, as statements take them."""
        empty = [each for each in self.shelved if each.reduced is None]
        return {"above": [each.from_id for each in empty], "upto": [each.to_id for each in empty]}

    def read_ahead(self, *, from_id: int, to_id: int, rows: int) -> Iterator[Rows]:
        """As contents.read_ahead, with what is archived read from its file. Raises ArchiveMissing and ArchiveDamaged."""
        start = from_id
        for each in self.shelved:
            if each.to_id <= start or each.from_id >= to_id:
                continue
            if start < each.from_id:
                yield from contents.read_ahead(book=self.book, from_id=start, to_id=each.from_id, rows=rows)
                start = each.from_id
            end = min(each.to_id, to_id)
            for operations in self.archive(each).operations(from_id=start, to_id=end):
                own = [_row(self.book.name, one) for one in operations if one.book_id == self.book.id]
                yield with_entries(book=self.book, to_id=own[-1][0] if own else start, operations=own)
            start = end
        if start < to_id or start == from_id:
            yield from contents.read_ahead(book=self.book, from_id=start, to_id=to_id, rows=rows)

    def archive(self, shelved: Shelved) -> Archive:
        """Return an archive, open. Raises ArchiveMissing and ArchiveDamaged."""
        if shelved.path is None:
            raise ArchiveMissing(shelved.fault)
        if shelved.path not in self._open:
            self._open[shelved.path] = Archive(shelved.path)
        return self._open[shelved.path]

    def _find(self, place: Shelved) -> Shelved:
        found, names = False, list(dict.fromkeys(name for name, _ in place.hashes))
        fault = (
            f"Operations {place.from_id + 1} to {place.to_id} lie in {' or '.join(names)}, which is in none of the folders:"
            f" {', '.join(map(str, self._folders)) or 'ARCHIVE_DIRECTORIES names none'}."
        )
        for path in (folder / name for folder in self._folders for name in names):
            if not path.is_file():
                continue
            found = True
            try:
                reason = mismatch(_kept_open(path).manifest, place.from_id, place.to_id)
            except (ArchiveDamaged, OSError) as error:
                fault = str(error)
                continue
            if reason is None:
                return replace(place, path=path, found=True)
            fault = f"{path} {reason}"
        return replace(place, found=found, fault=fault)


@observed(repository="seals")
def archived(*, book: Book, operation_id: int) -> ArchivedOperation | None:
    """Return an operation that is not in the tables as it was, from its archive; None where no archive holds it.

    It is believed only if the leaf that the file makes of it is one of the chain, or if it was quarantined, and is no leaf.
    Raises ArchiveMissing and ArchiveDamaged.
    """
    for shelved in Shelf(book, only=operation_id).shelved:
        if shelved.path is None:
            raise ArchiveMissing(shelved.fault)
        try:
            found = _kept_open(shelved.path).operation(operation_id)
        except OSError as error:  # it went away since it was found
            raise ArchiveMissing(f"{shelved.path} cannot be read: {error}") from error
        if found is None or found[0].book_id != book.id:
            continue
        operation, entries = found
        texts = [entry_text(account_texts(each.account, each.unit), each.id, each.amount) for each in entries]
        leaf = operation_leaf(book.name, operation.sealed, texts, _CLOCK)
        place = chain.place_of_operation(book_id=book.id, operation_id=operation_id, leaf_hash=tree.leaf_hash(leaf))
        quarantined = SealQuarantine.objects.filter(book_id=book.id, operation_id=operation_id)
        if (place is None or place.index is None) and not quarantined.exists():
            raise ArchiveDamaged(f"Operation {operation_id} in {shelved.path} is not what was sealed.")
        return operation
    return None


def leaf_anywhere(*, book: Book, operation_id: int) -> bytes | None:
    """Return the leaf of an operation, of an archived one with the file in place of its row; None where there is none.

    Raises ArchiveMissing and ArchiveDamaged. The row is read first: when its partition is detached meanwhile, the file decides.
    """
    leaf = contents.leaf_of(book=book, operation_id=operation_id)
    found = archived(book=book, operation_id=operation_id)
    if found is None:
        return leaf
    rows = with_entries(book=book, to_id=operation_id, operations=[_row(book.name, found)])
    return contents.leaves_of(rows, accounts=contents.Accounts(book.id))[operation_id]


def whole(*, operation: Operation) -> Operation:
    """Return an operation with all that was received and its code, of a reduced one from its archive.

    Raises ArchiveMissing and ArchiveDamaged.
    """
    if not operation.is_reduced:
        return operation
    found = archived(book=operation.book, operation_id=operation.id)
    if found is None:
        raise ArchiveMissing(f"No archive is noted that holds operation {operation.id}.")
    operation.message, operation.signature = found.received.message, found.received.signature
    operation.request_id, operation.traceparent = found.received.request_id, found.received.traceparent
    operation.mac, operation.mac_key, operation.salt = found.mac, found.mac_key, found.sealed.salt
    return operation


def _detached(book_id: int, only: int | None) -> list[Shelved]:
    """The ranges of a book's archives that no attached partition covers, or a reduced one, with the archives of each."""
    rows = SealArchive.objects.filter(book_id=book_id).order_by("from_id", "sha256")
    if only is not None:
        rows = rows.filter(from_id__lt=only, to_id__gte=only)
    found: dict[tuple[int, int], list[tuple[str, bytes]]] = {}
    for row in rows:
        found.setdefault((row.from_id, row.to_id), []).append((row.name, bytes(row.sha256)))
    attached = partitions() if found else []
    shelved = []
    for (start, end), hashes in found.items():
        cover = next((each for each in attached if each.from_id <= start < each.to_id), None)
        if cover is None or cover.reduced:
            shelved.append(Shelved(start, end, tuple(hashes), None if cover is None else cover.name))
    return shelved


def _kept_open(path: Path) -> Archive:
    """Return an archive that stays open for as long as it is the same file: its directory may list thousands of parts.

    Raises ArchiveDamaged and OSError.
    """
    state = path.stat()
    return _open(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=ARCHIVES_OPEN_MAX)
def _open(path: Path, _changed_at_ns: int, _bytes: int) -> Archive:
    return Archive(path)


def mismatch(told: Manifest, from_id: int, to_id: int) -> str | None:
    """Why an archive is not the one of a range; None where it is."""
    if (told.from_id, told.to_id) == (from_id, to_id):
        return None
    return f"holds operations {told.from_id + 1} to {told.to_id} ({told.partition}), not {from_id + 1} to {to_id}."


def _row(book: str, each: ArchivedOperation) -> Row:
    """An operation of a file as contents reads one from the table."""
    sealed = each.sealed
    before, after = operation_texts(book, sealed, _CLOCK)
    head = mac.head(
        each.book_id, sealed.source_id, sealed.reverses, sealed.message_hash, sealed.kind, sealed.key, sealed.credential
    )
    first, last = each.entry_first, each.entry_last
    return sealed.id, before.encode(), after.encode(), head, each.mac, each.mac_key, first, last
