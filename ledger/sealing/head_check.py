"""The chain as a chain, and its heads: blocks continue each other, leaves lead to roots, heads are signed and lie outside too.

Only what lies outside of the database tells that a chain was cut at its end, or rewritten as a whole with the key.
"""

import json
from collections.abc import Iterator, Sequence

from accounts.models import Book
from ledger.limits import NODE_LEVELS
from ledger.models import SealBlock, SealCheckpoint, SealNode
from ledger.sealing import chain, checkpoints, publication, signing
from ledger.sealing.chain import ChainDamaged
from ledger.sealing.checkpoints import Checkpoint, CheckpointError
from ledger.sealing.findings import Code, Finding
from ledger.sealing.notes import NoteError
from ledger.sealing.tree import EMPTY_ROOT, Grown


def check_chain(*, book: Book, first: int, last: int) -> Iterator[Finding]:
    """Check that the blocks first to last continue each other, and that leaf hashes lead to their roots and stored nodes."""
    before = SealBlock.objects.filter(book_id=book.id, number=first - 1).defer("leaf_hashes").first()
    number, size, root, to_id = (0, 0, EMPTY_ROOT, 0)
    if before is not None:
        number, size, root, to_id = before.number, before.size, bytes(before.root), before.to_id
    try:
        frontier = chain.frontier(book_id=book.id, size=size)
    except ChainDamaged as error:
        yield Finding(Code.NODE_DIFFERS, str(error), book.name, number)
        return
    if frontier.root != root:
        yield Finding(Code.ROOT_DIFFERS, "The stored hashes do not lead to the root of this block.", book.name, number)
    blocks = SealBlock.objects.filter(book_id=book.id, number__gte=first, number__lte=last).order_by("number")
    for block in blocks.iterator(chunk_size=20):
        if block.number != number + 1:
            yield Finding(
                Code.BLOCK_MISSING, f"Blocks {number + 1} to {block.number - 1} are missing.", book.name, number + 1
            )
            return
        if (block.previous_size, bytes(block.previous_root), block.from_id) != (size, root, to_id):
            yield Finding(Code.BLOCK_BROKEN, "The block does not continue the one before it.", book.name, block.number)
        hashes = chain.split(bytes(block.leaf_hashes))
        frontier, grown = frontier.append(hashes)
        if (frontier.size, frontier.root) != (block.size, bytes(block.root)):
            yield Finding(
                Code.ROOT_DIFFERS, "The leaves do not lead to the root of this block.", book.name, block.number
            )
            return
        yield from _nodes(book, block, grown)
        number, size, root, to_id = block.number, block.size, bytes(block.root), block.to_id
    if number < last:
        yield Finding(Code.BLOCK_MISSING, f"Blocks {number + 1} to {last} are missing.", book.name, number + 1)


def check_heads(*, book: Book, first_size: int, last_size: int) -> Iterator[Finding]:
    """Check the stored heads of these sizes: each is signed by a known key and names the root of its block."""
    sizes = {"book_id": book.id, "size__gte": first_size, "size__lte": last_size}
    roots = dict(SealBlock.objects.filter(**sizes).values_list("size", "root").iterator(chunk_size=5_000))
    heads = SealCheckpoint.objects.filter(**sizes).order_by("size")
    for head in heads.iterator(chunk_size=1_000):
        try:
            told = checkpoints.open_signed(head.note, signing.verifiers()).checkpoint
        except (NoteError, CheckpointError) as error:
            yield Finding(Code.HEAD_SIGNATURE, f"The head of {head.size} leaves: {error}", book.name)
            continue
        origin = signing.origin(book.name, head.incarnation)
        if (told.origin, told.size, told.root) != (origin, head.size, bytes(roots.get(head.size, b""))):
            yield Finding(Code.HEAD_DIFFERS, f"The head of {head.size} leaves signs another root or name.", book.name)


def check_outside(*, book: Book, notes: Sequence[str]) -> Iterator[Finding]:
    """Compare heads that lie outside with the chain: it has each of them, unless an incarnation says that it was lost."""
    end = chain.head(book_id=book.id).size
    losses = _losses(book)
    for text in notes:
        try:
            told = checkpoints.open_signed(text, signing.verifiers()).checkpoint
        except (NoteError, CheckpointError) as error:
            yield Finding(Code.OUTSIDE_UNREADABLE, f"A published head: {error}", book.name)
            continue
        incarnation = signing.incarnation_of(told.origin)
        if any(incarnation < later and told.size > common for later, common in losses):
            continue
        if told.size > end:
            yield Finding(Code.OUTSIDE_LONGER, f"{told.size} leaves were published, the chain has {end}.", book.name)
        elif _root(book, told) != told.root:
            yield Finding(Code.OUTSIDE_DIFFERS, f"Another root was published for {told.size} leaves.", book.name)


def outside_notes(*, book: Book, rows: int, files: Sequence[str] = ()) -> list[str]:
    """Return the newest heads of every folder, at most so many of each, and those of the given texts that are of this book."""
    found = []
    for sink in publication.directories():
        for text, _ in zip(sink.notes(book=book.name), range(rows), strict=False):
            found.append(text)
    return found + [text for text in files if text.partition("\n")[0].rpartition("/")[0].endswith(f"/{book.name}")]


def _root(book: Book, told: Checkpoint) -> bytes | None:
    root = publication.root_at(book_id=book.id, size=told.size)
    if root is not None:
        return root
    try:
        return chain.frontier(book_id=book.id, size=told.size).root
    except ChainDamaged:
        return None


def _losses(book: Book) -> list[tuple[int, int]]:
    """For each incarnation but the first: its number, and the last common size that its first leaf names."""
    found = []
    for incarnation in range(2, chain.head(book_id=book.id).incarnation + 1):
        blocks = SealBlock.objects.filter(book_id=book.id, incarnation=incarnation).order_by("number")
        header = blocks.values_list("header", flat=True).first()
        note = None if header is None else json.loads(bytes(header)).get("incarnation_note")
        if note is not None:
            found.append((incarnation, int(note["common_size"])))
    return found


def _nodes(book: Book, block: SealBlock, grown: list[Grown]) -> Iterator[Finding]:
    for row in grown:
        if not row.level or row.level % NODE_LEVELS:
            continue
        stored = SealNode.objects.filter(
            book_id=book.id, level=row.level, index__gte=row.first, index__lt=row.first + len(row.hashes)
        ).order_by("index")
        if [bytes(hashed) for hashed in stored.values_list("hash", flat=True)] != row.hashes:
            detail = f"Stored hashes of level {row.level} from {row.first} on are not those of the leaves."
            yield Finding(Code.NODE_DIFFERS, detail, book.name, block.number)
