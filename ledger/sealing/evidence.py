"""What proves to a stranger: the receipt of an operation, and that one head of a chain continues another. For reading only.

Everything comes from stored hashes: a receipt reads its operation, its block's hashes and some dozens of others, however large
the chain is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger.limits import COSIGNED_HEADS_LOOKED_AT
from ledger.models import SealBlock, SealCheckpoint, SealCosignature, SealQuarantine
from ledger.posting import execute, planned_once
from ledger.sealing import chain, notes, signing, tree
from ledger.sealing.archives import Shelf, archived, leaf_anywhere
from ledger.sealing.receipts import Receipt
from ledger.sealing.tree import EMPTY_ROOT
from metrics.repository import observed

_HEAD = read_sql("ledger/sql/read/covering_head.sql")


class SealUnknown(LookupError):  # noqa: N818 - an answer, not a defect
    """The book has no such block or head yet."""


class SealState(StrEnum):
    """Where an operation stands in its book's chain.

    `contradicted`: its row does not make the leaf that was sealed. `quarantined`: it carries no valid code and is no leaf.
    """

    PENDING = "pending"
    SEALED = "sealed"
    QUARANTINED = "quarantined"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True)
class Position:
    """Where an operation stands: the block that covers it, the leaf as its row makes it, and the leaf's index in the tree."""

    state: SealState
    block: int | None = None
    index: int | None = None
    leaf: bytes | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The position of an operation, and where a signed head covers it the receipt."""

    position: Position
    receipt: Receipt | None = None
    head_size: int | None = None


@observed(repository="seals")
def position(*, book: Book, operation_id: int) -> Position:
    """Tell where an operation of the book stands in its chain. Raises ArchiveMissing and ArchiveDamaged."""
    leaf = leaf_anywhere(book=book, operation_id=operation_id)
    hashed = EMPTY_ROOT if leaf is None else tree.leaf_hash(leaf)  # no leaf has the hash of nothing
    place = chain.place_of_operation(book_id=book.id, operation_id=operation_id, leaf_hash=hashed)
    if place is None:
        return Position(SealState.PENDING)
    if place.index is not None:
        return Position(SealState.SEALED, place.block, place.index, leaf, place.size)
    quarantined = SealQuarantine.objects.filter(book_id=book.id, operation_id=operation_id).exists()
    return Position(SealState.QUARANTINED if quarantined else SealState.CONTRADICTED, place.block)


@observed(repository="seals")
def is_archived(*, book: Book, operation_id: int) -> bool:
    """Whether an operation that is not in the tables, not even reduced, lies in an archive.

    Raises ArchiveMissing and ArchiveDamaged.
    """
    if any(each.reduced for each in Shelf(book, only=operation_id).shelved):
        return False
    return archived(book=book, operation_id=operation_id) is not None


@observed(repository="seals")
def receipt(*, book: Book, operation_id: int) -> Evidence:
    """Return the position of an operation with its receipt under the newest signed head. Raises chain.ChainDamaged,
    and ArchiveMissing and ArchiveDamaged.
    """
    with planned_once():
        return _receipt(book, operation_id)


def _receipt(book: Book, operation_id: int) -> Evidence:
    found = position(book=book, operation_id=operation_id)
    if found.leaf is None or found.index is None:
        return Evidence(found)
    head = _head_covering(book.id, found.size)
    if head is None:
        return Evidence(Position(SealState.PENDING, found.block))
    size, note = head
    proof = tree.inclusion_proof(found.index, size, chain.node_hashes(book_id=book.id))
    return Evidence(found, Receipt(found.leaf, found.index, tuple(proof), note), size)


def _head_covering(book_id: int, size: int) -> tuple[int, str] | None:
    """Return the size and the text of the newest head that covers so many leaves, or None while there is none."""
    witnesses = len(signing.witnesses())
    rows = witnesses * COSIGNED_HEADS_LOOKED_AT
    row = execute(_HEAD, {"book": book_id, "size": size, "witnesses": witnesses, "rows": rows})
    return None if row is None else (row[0], _with_cosignatures(row[1], row[2]))


@observed(repository="seals", expected=(SealUnknown, ValueError))
def consistency(*, book_id: int, old: int, new: int) -> list[bytes]:
    """Return the proof that the first `old` leaves are the beginning of the first `new`. Raises SealUnknown and ValueError."""
    if new > chain.head(book_id=book_id).size:
        raise SealUnknown(f"The chain of this book has not got {new} leaves yet.")
    return tree.consistency_proof(old, new, chain.node_hashes(book_id=book_id))


@observed(repository="seals", expected=(SealUnknown,))
def newest(*, book_id: int) -> tuple[SealBlock, SealCheckpoint]:
    """Return the newest signed head with the block that it signs. Raises SealUnknown."""
    head = SealCheckpoint.objects.filter(book_id=book_id).order_by("-size").first()
    if head is None:
        raise SealUnknown("Nothing of this book is sealed and signed yet.")
    return SealBlock.objects.defer("leaf_hashes").get(book_id=book_id, size=head.size), head


@observed(repository="seals")
def blocks(*, book_id: int, after: int, before: int, ascending: bool, rows: int) -> list[SealBlock]:
    """Return blocks by number, exclusive on both sides."""
    found = SealBlock.objects.filter(book_id=book_id, number__gt=after, number__lt=before).defer("leaf_hashes")
    return list(found.order_by("number" if ascending else "-number")[:rows])


@observed(repository="seals")
def heads(*, book_id: int, sizes: list[int]) -> dict[int, str]:
    """Return the signed heads of these sizes as notes with their cosignatures."""
    found = SealCheckpoint.objects.filter(book_id=book_id, size__in=sizes)
    return {head.size: note_text(head) for head in found}


@observed(repository="seals")
def note_text(head: SealCheckpoint) -> str:
    """Return a head as it was signed, with the cosignatures that came since."""
    lines = SealCosignature.objects.filter(book_id=head.book_id, size=head.size).order_by("witness")
    return _with_cosignatures(head.note, lines.values_list("line", flat=True))


def _with_cosignatures(note: str, lines: Iterable[str]) -> str:
    """A note with the cosignatures that came since; without any it stays as it was signed."""
    signatures = [notes.parse_signature(line.removesuffix("\n")) for line in lines]
    return str(notes.parse(note).with_signatures(signatures)) if signatures else note
