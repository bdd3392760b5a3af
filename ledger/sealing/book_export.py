"""A book's chain as a folder of tiles (`export`), read from the database: for auditors, and to outlive the service."""

from collections.abc import Sequence
from pathlib import Path

from accounts.models import Book
from ledger.limits import BLOCK_OPERATIONS_MAX
from ledger.models import SealBlock, SealCosignature, SealQuarantine
from ledger.sealing import chain, export, notes, publication
from ledger.sealing.archives import Shelf
from ledger.sealing.contents import Accounts, leaves_of
from ledger.sealing.export import ExportError


def export_book(*, book: Book, folder: Path) -> tuple[int, int]:
    """Bring a folder up to the newest signed head; return how many leaves it holds and files were written. Raises ExportError."""
    newest = publication.newest_checkpoint(book_id=book.id)
    if newest is None:
        raise ExportError(f"Book {book.name} has no signed head yet.")
    lines = SealCosignature.objects.filter(book_id=book.id, size=newest.size).order_by("witness")
    cosignatures = [notes.parse_signature(row.line.removesuffix("\n")) for row in lines]
    written = export.export(
        folder=folder,
        note=notes.parse(newest.note).with_signatures(cosignatures),
        node_hashes=chain.node_hashes(book_id=book.id),
        leaves=_Leaves(book).read,
    )
    return newest.size, written


class _Leaves:
    """Reads leaves by their places; the block read last is kept, because tiles are asked for in order and blocks are longer."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._shelf = Shelf(book)
        self._accounts = Accounts(book.id)
        self._number, self._leaves = 0, [b""]

    def read(self, start: int, end: int) -> Sequence[bytes]:
        """Return the leaves [start, end)."""
        found: list[bytes] = []
        blocks = SealBlock.objects.filter(book_id=self._book.id, size__gt=start, previous_size__lt=end)
        for block in blocks.defer("leaf_hashes").order_by("size")[: end - start]:
            first = max(start - block.previous_size, 0)
            found += self._of(block)[first : end - block.previous_size]
        return found

    def _of(self, block: SealBlock) -> list[bytes]:
        if block.number != self._number:
            left_out = set(
                SealQuarantine.objects.filter(book_id=self._book.id, block_number=block.number).values_list(
                    "operation_id", flat=True
                )
            )
            self._leaves = [bytes(block.header)]
            for rows in self._shelf.read_ahead(from_id=block.from_id, to_id=block.to_id, rows=BLOCK_OPERATIONS_MAX):
                leaves = leaves_of(rows, accounts=self._accounts)
                self._leaves += [leaf for operation_id, leaf in leaves.items() if operation_id not in left_out]
            self._number = block.number
        if len(self._leaves) != block.count + 1:
            raise ExportError(f"Block {block.number} has other operations than it sealed: run manage.py verify.")
        return self._leaves
