"""Archiving: the operations of a wholly sealed partition into a file whose hash the chain keeps.

`make` writes the file, makes every leaf from it again, and seals its hash in each book with operations in it. The rows stay;
ledger.sealing.detaching takes them out of the ledger's tables.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger.limits import ARCHIVE_PART_IDS, ARCHIVE_SEAL_TRIES_MAX
from ledger.models import Mark, SealArchive, SealBlock, SealQuarantine
from ledger.sealing import archive_file, archives, chain, publication, sealer, tree
from ledger.sealing.archive_file import Archive, ArchiveDamaged, ArchivedEntry
from ledger.sealing.archives import Partition
from ledger.sealing.leaves import Clock, account_texts, entry_text, operation_leaf

_BOOKS = read_sql("ledger/sql/read/partition_books.sql")
_OPERATIONS = read_sql("ledger/sql/read/archived_operations.sql")
_ENTRIES = read_sql("ledger/sql/read/archived_entries.sql")

# Told how many of how many operations are written or checked.
Progress = Callable[[int, int], None]


class ArchiveRefused(Exception):  # noqa: N818 - a guard that holds, not a defect
    """The partition cannot be archived, detached, attached or dropped; the message says why."""


@dataclass(frozen=True, slots=True)
class Held:
    """A book with operations in a partition: how many, and whether all of them are sealed."""

    book: Book
    operations: int
    sealed: bool


def partition_named(name: str) -> Partition:
    """Return an attached partition of operations that is not a reduced one. Raises ArchiveRefused."""
    for partition in archives.partitions():
        if partition.name == name and not partition.reduced:
            return partition
    raise ArchiveRefused(f"{name} is no attached partition of operations: manage.py archive lists them.")


def held(partition: Partition) -> list[Held]:
    """Return the books with operations in a partition."""
    with connection.cursor() as cursor:
        cursor.execute(_BOOKS, {"from": partition.from_id, "to": partition.to_id})
        return [Held(Book(id=row[0], name=row[1]), row[2], row[3]) for row in cursor.fetchall()]


def make(*, partition: Partition, folder: Path, progress: Progress) -> Path:
    """Write the archive of a partition, check it against the chain, and seal its hash in every book.

    Raises ArchiveRefused and OSError. A file that is there already is checked and sealed instead of written.
    """
    books = held(partition)
    _refuse_unless_sealed(partition, books)
    path = folder / f"{partition.name}{archive_file.SUFFIX}"
    total = 2 * sum(each.operations for each in books)
    if not path.exists():
        _write(partition, path, books, lambda done: progress(done, total))
    check_against_chain(partition, path, books, lambda done: progress(total // 2 + done, total))
    sha256 = archive_file.sha256_of(path)
    for each in books:
        _seal(partition, path.name, sha256, each)
    return path


def _refuse_unless_sealed(partition: Partition, books: Sequence[Held]) -> None:
    mark = Mark.objects.order_by("-id").first()
    if mark is None or mark.operation_id < partition.to_id:
        raise ArchiveRefused(f"{partition.name} is not full yet: operations may still come into it.")
    if not books:
        raise ArchiveRefused(f"{partition.name} has no operation.")
    if unsealed := [each.book.name for each in books if not each.sealed]:
        raise ArchiveRefused(f"{partition.name} is not wholly sealed: book {', '.join(unsealed)}.")


def _write(partition: Partition, path: Path, books: Sequence[Held], progress: Callable[[int], None]) -> None:
    """Write beside the name, and take the name when all is on the disk; a part of a file never bears it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    ids = [each.book.id for each in books]
    try:
        writer = archive_file.Writer(partial)
        for start in range(partition.from_id, partition.to_id, ARCHIVE_PART_IDS):
            end = min(start + ARCHIVE_PART_IDS, partition.to_id)
            operations, entries = (
                archives.as_csv(statement=each, books=ids, from_id=start, to_id=end) for each in (_OPERATIONS, _ENTRIES)
            )
            writer.add(first_id=start + 1, operations=operations, entries=entries)
            progress(writer.operations)
        writer.finish(partition=partition.name, from_id=partition.from_id, to_id=partition.to_id)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def check_against_chain(
    partition: Partition, path: Path, books: Sequence[Held], progress: Callable[[int], None]
) -> None:
    """Make every leaf from the file alone; each must be one that was sealed, and none may be missing."""
    wanted = {each.book.id: each.operations for each in books}
    sealed = {each.book.id: _Sealed(each.book, partition) for each in books}
    found: defaultdict[int, int] = defaultdict(int)
    clock = Clock()
    try:
        with Archive(path) as archive:
            if reason := archives.mismatch(archive.manifest, partition.from_id, partition.to_id):
                raise ArchiveRefused(f"{path} {reason}")
            bounds = {"from_id": partition.from_id, "to_id": partition.to_id}
            for operations, entries in zip(archive.operations(**bounds), archive.entries(**bounds), strict=True):
                texts = _texts(entries)
                for each in operations:
                    own = sealed.get(each.book_id)
                    leaf = (
                        b"" if own is None else operation_leaf(own.book.name, each.sealed, texts[each.sealed.id], clock)
                    )
                    if own is None or not own.has(each.sealed.id, tree.leaf_hash(leaf)):
                        raise ArchiveRefused(f"Operation {each.sealed.id} in {path} is not what was sealed.")
                    found[each.book_id] += 1
                progress(sum(found.values()))
    except ArchiveDamaged as error:
        raise ArchiveRefused(str(error)) from error
    if found != wanted:
        raise ArchiveRefused(f"{path} has {sum(found.values())} operations, the partition {sum(wanted.values())}.")


def _texts(entries: Sequence[ArchivedEntry]) -> defaultdict[int, list[str]]:
    texts: defaultdict[int, list[str]] = defaultdict(list)
    for entry in entries:
        texts[entry.operation_id].append(entry_text(account_texts(entry.account, entry.unit), entry.id, entry.amount))
    return texts


class _Sealed:
    """The leaf hashes of a book's blocks that touch a partition, asked in the order of ids."""

    def __init__(self, book: Book, partition: Partition) -> None:
        self.book = book
        touching = {"book_id": book.id, "to_id__gt": partition.from_id, "from_id__lt": partition.to_id}
        self._blocks = SealBlock.objects.filter(**touching).order_by("number").iterator(chunk_size=20)
        self._to_id, self._hashes = partition.from_id, frozenset[bytes]()
        outside = SealQuarantine.objects.filter(
            book_id=book.id, operation_id__gt=partition.from_id, operation_id__lte=partition.to_id
        )
        self._quarantined = frozenset(outside.values_list("operation_id", flat=True))

    def has(self, operation_id: int, hashed: bytes) -> bool:
        """Whether this is a leaf of its block; an operation that was quarantined is none, and is kept all the same."""
        while self._to_id < operation_id and (block := next(self._blocks, None)) is not None:
            self._to_id, self._hashes = block.to_id, frozenset(chain.split(bytes(block.leaf_hashes))[1:])
        return hashed in self._hashes or operation_id in self._quarantined


def _seal(partition: Partition, name: str, sha256: bytes, each: Held) -> None:
    """Let a block of the book's chain name the archive, unless one does already."""
    book = each.book
    same = {"book_id": book.id, "sha256": sha256, "from_id": partition.from_id, "to_id": partition.to_id}
    for _ in range(ARCHIVE_SEAL_TRIES_MAX):
        if SealArchive.objects.filter(**same).exists():
            break
        leaf = sealer.ArchiveLeaf(name, sha256, partition.from_id, partition.to_id, each.operations)
        sealer.seal(book=book, safe_id=chain.head(book_id=book.id).to_id, archive=leaf)
    else:
        raise ArchiveRefused(f"Another sealer is at work on book {book.name} all the time: repeat later.")
    publication.publish(book=book)
