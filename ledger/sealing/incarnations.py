"""Incarnations: going on after a restore, openly. The chain's origin gets a new suffix, and its first leaf says what was lost.

The tree itself goes on from what was restored, so receipts up to the last common size stay provable. Operations behind it
are lost to this ledger; their receipts carry the whole leaf, so that they can be entered again, under new ids.
"""

from dataclasses import dataclass

from accounts.models import Book
from ledger.limits import IDS_SKIPPED_AFTER_RESTORE
from ledger.posting import execute
from ledger.sealing import chain, checkpoints, publication, sealer, signing
from ledger.sealing.checkpoints import Checkpoint, CheckpointError
from ledger.sealing.notes import NoteError
from ledger.sealing.sealer import Opening, SealRefused
from ledger.sealing.tree import EMPTY_ROOT
from metrics.repository import observed

_SKIP = "SELECT public.ledger_skip_ids_v1(%b::bigint)"


@dataclass(frozen=True, slots=True)
class Loss:
    """What a restore lost: the newest published head, and the largest published size with the same root in this chain."""

    published: Checkpoint
    common_size: int
    common_root: bytes


@observed(repository="seals")
def open_new(*, book: Book, reason: str) -> Loss:
    """Begin a new incarnation of a book's chain, and seal its first block. Raises SealRefused where nothing was lost."""
    head = chain.head(book_id=book.id)
    if publication.fork(book=book, head=head) is None:
        raise SealRefused(
            f"The chain of book {book.name} continues all that was published: it needs no new incarnation."
        )
    loss = _loss(book)
    execute(_SKIP, (IDS_SKIPPED_AFTER_RESTORE,))
    published = loss.published
    note = {
        "common_root": loss.common_root.hex(),
        "common_size": str(loss.common_size),
        "lost_from": str(loss.common_size),
        "lost_to": str(published.size),
        "old_origin": published.origin,
        "old_root": published.root.hex(),
        "old_size": str(published.size),
        "reason": reason,
    }
    incarnation = max(head.incarnation, signing.incarnation_of(published.origin)) + 1
    sealed = sealer.seal(book=book, safe_id=head.to_id, opening=Opening(incarnation, note))
    if not sealed:
        raise SealRefused("Another sealer is at work on this book: stop it and repeat.")
    publication.publish(book=book)
    return loss


def _loss(book: Book) -> Loss:
    """Walk down what was published until something is found that this chain has as well."""
    newest: Checkpoint | None = None
    for sink in publication.directories():
        for text in sink.notes(book=book.name):
            try:
                published = checkpoints.open_signed(text, signing.verifiers()).checkpoint
            except (NoteError, CheckpointError):
                continue
            if newest is None or published.size > newest.size:
                newest = published
            root = publication.root_at(book_id=book.id, size=published.size)
            if root == published.root:
                return Loss(newest, published.size, root)
    if newest is None:
        raise SealRefused(
            "Nothing that was published carries a signature of a known key: see SEAL_KEYS and SEAL_RETIRED_KEYS."
        )
    return Loss(newest, 0, EMPTY_ROOT)
