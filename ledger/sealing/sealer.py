"""The sealer: appends what has become safe to each book's chain, block by block. Runs from beat, in a loop, or several at once.

Only what lies at or below a closed mark is sealed (I9), so nothing can appear behind the seal. It never touches a row of the
ledger and no poster waits for it. Of several sealers one works on a book, the others go on; one that dies leaves whole blocks.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger import marks
from ledger.limits import BLOCK_OPERATIONS_MAX, BLOCKS_PER_RUN_MAX, HEARTBEAT_SECONDS, NODE_LEVELS
from ledger.posting import execute
from ledger.sealing import chain, publication, signing, tree
from ledger.sealing.chain import Head
from ledger.sealing.contents import Accounts, Contents, Rows, contents, read_ahead, without_collector
from ledger.sealing.leaves import EPOCH, BlockHeader, header_leaf
from ledger.sealing.tree import Frontier
from metrics.repository import observed

logger = logging.getLogger(__name__)
_DUE = read_sql("ledger/sql/read/seal_due.sql")
_FAULTS = read_sql("ledger/sql/read/sequence_faults.sql")
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock(3, %b::int), clock_timestamp()"
_SEAL = (
    "SELECT public.ledger_seal_block_v1(%b::int, %b::bigint, %b::int, %b::bigint, %b::bytea, %b::bytea, %b::bigint, %b::bigint,"
    " %b::int, %b::timestamptz, %b::bytea, %b::bytea, %b::smallint[], %b::bigint[], %b::bytea[], %b::bigint[], %b::text[])"
)
_ARCHIVE = (
    "SELECT public.ledger_note_archive_v1(%b::int, %b::bigint, %b::text, %b::bytea, %b::bigint, %b::bigint, %b::bigint)"
)
_MICROSECOND = timedelta(microseconds=1)


class SealRefused(Exception):  # noqa: N818 - a guard that holds, not a defect
    """The sealer must not go on, because sealing would hide that something is wrong; the message says what."""


@dataclass(frozen=True, slots=True)
class Due:
    """What there is to seal in a book: its safe id, and since when its first unsealed operation waits (None for none)."""

    book_id: int
    book: str
    to_id: int
    sealed_at: datetime | None
    safe_id: int
    first_id: int | None
    first_recorded_at: datetime | None
    unsafe_recorded_at: datetime | None
    now: datetime

    @property
    def lag_seconds(self) -> float:
        """For how long the oldest unsealed operation has waited; 0 where none waits."""
        oldest = self.first_recorded_at or self.unsafe_recorded_at
        return 0.0 if oldest is None else max(0.0, (self.now - oldest).total_seconds())

    @property
    def needs_block(self) -> bool:
        """Whether there are operations to seal, or it was silent for too long."""
        silent = self.sealed_at is None or (self.now - self.sealed_at).total_seconds() >= HEARTBEAT_SECONDS
        return self.first_id is not None or silent


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did: blocks, operations, and the books that it had to leave alone, with the reason."""

    blocks: int
    operations: int
    refused: dict[str, str]


@dataclass(frozen=True, slots=True)
class Opening:
    """A new incarnation to begin, and what its first leaf says of the old one."""

    incarnation: int
    note: dict[str, str]


@dataclass(frozen=True, slots=True)
class ArchiveLeaf:
    """An archive that a block's header names: the file, its hash, and the operations in it, above one id up to another."""

    name: str
    sha256: bytes
    from_id: int
    to_id: int
    operations: int

    @property
    def document(self) -> dict[str, str]:
        """As the header has it."""
        return {
            "from": str(self.from_id),
            "name": self.name,
            "operations": str(self.operations),
            "sha256": self.sha256.hex(),
            "to": str(self.to_id),
        }


@observed(repository="seals")
def due() -> list[Due]:
    """Return what there is to seal in each book."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE)
        return [Due(*row) for row in cursor.fetchall()]


@observed(repository="seals", expected=(SealRefused,))
def run() -> Run:
    """Close what marks have become safe, then seal, sign and publish every book. Raises SealRefused for unsafe sequences."""
    check_sequences()
    marks.take_and_close()
    blocks = operations = 0
    refused = {}
    for book in due():
        try:
            if book.needs_block:
                sealed = seal(book=Book(id=book.book_id, name=book.book), safe_id=book.safe_id)
                blocks, operations = blocks + len(sealed), operations + sum(sealed)
            publication.publish(book=Book(id=book.book_id, name=book.book))
        except SealRefused as error:
            refused[book.book] = str(error)
    for name, reason in refused.items():
        logger.error("Book %s is not sealed: %s", name, reason)
    return Run(blocks, operations, refused)


@observed(repository="seals", expected=(SealRefused,))
def check_sequences() -> None:
    """Refuse to seal where ids can appear below a mark later. Raises SealRefused."""
    if faults := sequence_faults():
        raise SealRefused(" ".join(faults))


@observed(repository="seals")
def sequence_faults() -> list[str]:
    """Return what is wrong with the id sequences and their defaults, a sentence each."""
    with connection.cursor() as cursor:
        cursor.execute(_FAULTS)
        return [row[0] for row in cursor.fetchall()]


@observed(repository="seals", expected=(SealRefused,))
def seal(*, book: Book, safe_id: int, opening: Opening | None = None, archive: ArchiveLeaf | None = None) -> list[int]:
    """Append the book's operations up to a safe id, one block at least; return the number of operations of each block.

    Nothing where another sealer is at work. With an opening the first of the blocks begins a new incarnation; with an archive it
    names the archive. Raises SealRefused.
    """
    head = chain.head(book_id=book.id)
    if opening is None:
        _refuse_a_fork(book, head)
    frontier = chain.frontier(book_id=book.id, size=head.size)
    if frontier.root != head.root:
        raise SealRefused("The stored hashes do not lead to the root of the newest block: run manage.py verify.")
    accounts = Accounts(book.id)
    sealed: list[int] = []
    with without_collector():
        for rows in read_ahead(
            book=book, from_id=head.to_id, to_id=max(safe_id, head.to_id), rows=BLOCK_OPERATIONS_MAX
        ):
            grown = _append(book, head, frontier, rows, accounts, opening, archive)
            if grown is None:
                break
            head, frontier, count = grown
            sealed.append(count)
            opening = archive = None
            if len(sealed) == BLOCKS_PER_RUN_MAX:
                break
    return sealed


def _refuse_a_fork(book: Book, head: Head) -> None:
    if fork := publication.fork(book=book, head=head):
        raise SealRefused(fork)


def _append(
    book: Book,
    head: Head,
    frontier: Frontier,
    rows: Rows,
    accounts: Accounts,
    opening: Opening | None,
    archive: ArchiveLeaf | None,
) -> tuple[Head, Frontier, int] | None:
    """Append one block in one transaction; None where another sealer works on the book or has gone on."""
    with transaction.atomic():
        locked, sealed_at = execute(_TRY_LOCK, (book.id,))
        if not locked or chain.head(book_id=book.id) != head:
            return None
        found = contents(rows, accounts=accounts)
        if found.forged:
            logger.error(
                "Operations %s of book %s carry no valid code: quarantined.", sorted(found.forged)[:10], book.name
            )
            found = contents(rows, accounts=accounts, excluded=frozenset(found.forged))
        header = _header(book, head, rows, found, sealed_at, opening, archive)
        leaf = header_leaf(header)
        hashes = [tree.leaf_hash(leaf), *found.leaf_hashes]
        grown, nodes = frontier.append(hashes)
        new = Head(header.number, header.incarnation, grown.size, grown.root, rows.to_id)
        execute(_SEAL, _block(book, header, new, leaf, hashes, sealed_at) + _nodes(nodes) + _quarantined(found))
        if archive is not None:
            told = (archive.name, archive.sha256, archive.from_id, archive.to_id, archive.operations)
            execute(_ARCHIVE, (book.id, header.number, *told))
    return new, grown, len(found.ids)


def _header(
    book: Book,
    head: Head,
    rows: Rows,
    found: Contents,
    sealed_at: datetime,
    opening: Opening | None,
    archive: ArchiveLeaf | None,
) -> BlockHeader:
    return BlockHeader(
        book=book.name,
        incarnation=head.incarnation if opening is None else opening.incarnation,
        number=head.number + 1,
        previous_size=head.size,
        previous_root=head.root,
        from_id=head.to_id,
        to_id=rows.to_id,
        count=len(found.ids),
        sealed_at=(sealed_at.astimezone(UTC).replace(tzinfo=None) - EPOCH) // _MICROSECOND,
        totals=found.totals,
        quarantined=tuple(sorted(found.forged)),
        keys=tuple(signing.public_keys()),
        incarnation_note=None if opening is None else opening.note,
        archives=() if archive is None else (archive.document,),
    )


def _block(
    book: Book, header: BlockHeader, new: Head, leaf: bytes, hashes: list[bytes], sealed_at: datetime
) -> tuple[Any, ...]:
    return (
        book.id,
        header.number,
        header.incarnation,
        header.previous_size,
        header.previous_root,
        new.root,
        header.from_id,
        header.to_id,
        header.count,
        sealed_at,
        leaf,
        b"".join(hashes),
    )


def _nodes(grown: list[tree.Grown]) -> tuple[Any, ...]:
    """The complete subtrees to store: of every NODE_LEVELS-th level above the leaves."""
    stored = [
        (row.level, row.first + place, hashed)
        for row in grown
        if row.level and row.level % NODE_LEVELS == 0
        for place, hashed in enumerate(row.hashes)
    ]
    return tuple([node[column] for node in stored] for column in range(3))


def _quarantined(found: Contents) -> tuple[Any, ...]:
    forged = sorted(found.forged.items())
    return [operation_id for operation_id, _ in forged], [reason for _, reason in forged]
