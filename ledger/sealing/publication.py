"""After a block's commit: its head is signed, kept, and published outside of the database. And before the next: the fork guard.

Everything here can be repeated: what was committed but not signed, or signed but not published, is made good by the next run.
"""

import json
import logging
from typing import Any

from django.conf import settings
from django.db import connection

from accounts.models import Book
from ledger.limits import PUBLICATIONS_PER_RUN_MAX
from ledger.models import SealBlock, SealCheckpoint
from ledger.posting import execute
from ledger.sealing import checkpoints, notes, signing
from ledger.sealing.chain import Head
from ledger.sealing.checkpoints import Checkpoint, CheckpointError
from ledger.sealing.notes import NoteError
from ledger.sealing.sinks import DirectorySink
from metrics.repository import observed

logger = logging.getLogger(__name__)
_SIGN = "SELECT public.ledger_seal_checkpoint_v1(%b::int, %b::bigint, %b::text)"
_PUBLISHED = "SELECT public.ledger_seal_publication_v1(%b::int, %b::bigint, %b::text)"
_PENDING = """
    SELECT c.size, c.incarnation, c.note FROM public.ledger_seal_checkpoint c
    WHERE c.book_id = %(book)s
      AND c.size > coalesce((SELECT p.size FROM public.ledger_seal_publication p
                             WHERE p.book_id = %(book)s AND p.sink = %(sink)s ORDER BY p.size DESC LIMIT 1), 0)
    ORDER BY c.size LIMIT %(rows)s
"""


def directories() -> list[DirectorySink]:
    """Return the folders of the settings."""
    return [DirectorySink(folder) for folder in settings.SEAL_DIRECTORIES]


@observed(repository="seals")
def publish(*, book: Book) -> int:
    """Sign a book's head if it is not signed, and bring every folder up to it; return how many files were due."""
    _sign_head(book)
    return sum(_write_pending(book, sink) for sink in directories())


@observed(repository="seals")
def fork(*, book: Book, head: Head) -> str | None:
    """Tell, in a sentence, what was published and is not the beginning of this chain; None where all is well.

    So it was when an old backup was restored, or somebody cut or rewrote the chain: going on would sign two histories.
    """
    for sink in directories():
        text = sink.newest(book=book.name)
        if text is None:
            continue
        published = _parsed(text)
        if published is None:
            return f"The newest file of {sink.name} is no checkpoint."
        if signing.incarnation_of(published.origin) < head.incarnation:
            continue  # a new incarnation was opened and its first head is on its way
        if published.size > head.size:
            return f"Size {published.size} was published, and this chain ends at {head.size}."
        if root_at(book_id=book.id, size=published.size) != published.root:
            return f"Size {published.size} was published with another root than this chain has there."
    return None


@observed(repository="seals")
def root_at(*, book_id: int, size: int) -> bytes | None:
    """Return the root that a block left at this size, or None where no block ends there."""
    found = SealBlock.objects.filter(book_id=book_id, size=size).values_list("root", flat=True).first()
    return None if found is None else bytes(found)


@observed(repository="seals")
def newest_checkpoint(*, book_id: int) -> SealCheckpoint | None:
    """Return the newest signed head of a book."""
    found: SealCheckpoint | None = SealCheckpoint.objects.filter(book_id=book_id).order_by("-size").first()
    return found


def _sign_head(book: Book) -> None:
    block = SealBlock.objects.filter(book_id=book.id).defer("leaf_hashes").order_by("-number").first()
    if block is None or SealCheckpoint.objects.filter(book_id=book.id, size=block.size).exists():
        return
    if told := fork(book=book, head=Head(block.number, block.incarnation, block.size, bytes(block.root), block.to_id)):
        logger.error("The head of book %s is not signed: %s", book.name, told)
        return
    head = Checkpoint(signing.origin(book.name, block.incarnation), block.size, bytes(block.root))
    note = checkpoints.sign(head, _announced(block))
    execute(_SIGN, (book.id, block.size, str(note)))


def _announced(block: SealBlock) -> list[notes.Signer]:
    """The keys that sign this block's head: those that an earlier block announced; all where none of them was."""
    before = (
        SealBlock.objects.filter(book_id=block.book_id, number=block.number - 1)
        .values_list("header", flat=True)
        .first()
    )
    announced = set() if before is None else set(_keys_in(bytes(before)))
    signers = signing.signers()
    return [signer for signer in signers if signer.verifier.vkey in announced] or list(signers)


def _keys_in(header: bytes) -> list[str]:
    try:
        document: dict[str, Any] = json.loads(header)
        return [str(key) for key in document.get("keys", [])]
    except (ValueError, AttributeError, TypeError):  # somebody wrote into the header: verification tells
        return []


def _write_pending(book: Book, sink: DirectorySink) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_PENDING, {"book": book.id, "sink": sink.name, "rows": PUBLICATIONS_PER_RUN_MAX})
        pending = cursor.fetchall()
    for size, incarnation, note in pending:
        try:
            sink.write(book=book.name, incarnation=incarnation, size=size, note=note)
        except OSError:
            logger.exception("The checkpoint of %s leaves of book %s was not written.", size, book.name)
            break
        execute(_PUBLISHED, (book.id, size, sink.name))
    return len(pending)


def _parsed(text: str) -> Checkpoint | None:
    """A published head; one that we did not sign counts as well, and then as a contradiction."""
    try:
        return checkpoints.open_signed(text, signing.verifiers()).checkpoint
    except (NoteError, CheckpointError):
        return None
