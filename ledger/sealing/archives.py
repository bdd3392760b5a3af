"""Archives of sealed operations: which there are, and reading them where the rows are no more.

An archive holds the operations of one partition. Entries, keys and everything derived stay in the database, so balances,
history and the refusal of a repeated key need no file; the message of an operation does, and its receipt, and verification.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger.models import SealArchive
from ledger.sealing import contents, mac
from ledger.sealing.archive_file import Archive, ArchiveDamaged, ArchivedOperation, Manifest
from ledger.sealing.contents import Row, Rows, with_entries
from ledger.sealing.leaves import Clock, operation_texts
from metrics.repository import observed

_PARTITIONS = read_sql("ledger/sql/read/partitions_of_operations.sql")
_CLOCK = Clock()


class ArchiveMissing(LookupError):  # noqa: N818 - an answer, not a defect
    """Operations lie in an archive that is in none of the folders, or is not the one that was sealed; the message says which."""


@dataclass(frozen=True, slots=True)
class Partition:
    """An attached partition of operations, with ids above `from_id` up to `to_id`."""

    name: str
    from_id: int
    to_id: int


@dataclass(frozen=True, slots=True)
class Shelved:
    """Operations of a book that are not in the database: their range, the names and hashes of archives of it, and the file.

    Without a path there is none that can be used: `fault` says why, `found` whether there was one at all.
    """

    from_id: int
    to_id: int
    hashes: tuple[tuple[str, bytes], ...]
    path: Path | None
    found: bool
    fault: str | None


@observed(repository="seals")
def partitions() -> list[Partition]:
    """Return the attached partitions of operations in the order of ids."""
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONS)
        return [Partition(*row) for row in cursor.fetchall()]


class Shelf:
    """The archives of one book whose operations are not in the database any more, as far as they are found in the folders."""

    def __init__(self, book: Book, folders: Sequence[Path] | None = None) -> None:
        """Look for them. Without folders, in those of the settings."""
        self.book = book
        self._folders = [Path(folder) for folder in (settings.ARCHIVE_DIRECTORIES if folders is None else folders)]
        self.shelved = [self._find(*place) for place in _detached(book.id)]
        self._open: dict[Path, Archive] = {}

    @property
    def ranges(self) -> dict[str, list[int]]:
        """The ranges of ids, as statements take them."""
        return {"above": [each.from_id for each in self.shelved], "upto": [each.to_id for each in self.shelved]}

    def holds(self, operation_id: int) -> bool:
        """Whether an operation of this id lies in an archive."""
        return any(each.from_id < operation_id <= each.to_id for each in self.shelved)

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

    def _find(self, from_id: int, to_id: int, hashes: tuple[tuple[str, bytes], ...]) -> Shelved:
        found, names = False, list(dict.fromkeys(name for name, _ in hashes))
        fault = (
            f"Operations {from_id + 1} to {to_id} lie in {' or '.join(names)}, which is in none of the folders:"
            f" {', '.join(map(str, self._folders)) or 'ARCHIVE_DIRECTORIES names none'}."
        )
        for path in (folder / name for folder in self._folders for name in names):
            if not path.is_file():
                continue
            found = True
            try:
                with Archive(path) as archive:
                    reason = mismatch(archive.manifest, from_id, to_id)
            except (ArchiveDamaged, OSError) as error:
                fault = str(error)
                continue
            if reason is None:
                return Shelved(from_id, to_id, hashes, path, found, None)
            fault = f"{path} {reason}"
        return Shelved(from_id, to_id, hashes, None, found, fault)


@observed(repository="seals")
def archived_leaf(*, shelf: Shelf, operation_id: int) -> bytes | None:
    """Return the leaf of an archived operation. Raises ArchiveMissing and ArchiveDamaged."""
    for rows in shelf.read_ahead(from_id=operation_id - 1, to_id=operation_id, rows=1):
        accounts = contents.Accounts(shelf.book.id)
        if found := contents.leaves_of(rows, accounts=accounts):
            return found[operation_id]
    return None


def _detached(book_id: int) -> list[tuple[int, int, tuple[tuple[str, bytes], ...]]]:
    """The ranges of a book's archives that no attached partition covers, with the names and hashes of the archives of each."""
    rows = SealArchive.objects.filter(book_id=book_id).order_by("from_id", "sha256")
    found: dict[tuple[int, int], list[tuple[str, bytes]]] = {}
    for row in rows:
        found.setdefault((row.from_id, row.to_id), []).append((row.name, bytes(row.sha256)))
    attached = partitions() if found else []
    return [
        (start, end, tuple(hashes))
        for (start, end), hashes in found.items()
        if not any(each.from_id <= start < each.to_id for each in attached)
    ]


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
