"""Reads of the chain: its head, the block of an operation or of a leaf, and the hashes that proofs are made of.

Nothing here writes. A proof never reads all: a hash of a complete subtree is stored, or is folded from at most 32 stored ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.arrays import int8s
from ledger.limits import NODE_LEVELS
from ledger.models import SealBlock
from ledger.posting import execute, prepared
from ledger.sealing import tree
from ledger.sealing.tree import EMPTY_ROOT, HASH_BYTES, Frontier, Node, NodeHashes
from metrics.repository import observed

# A block has a leaf at least, so what overlaps n leaves is among the n blocks from the first of them on.
_LEAVES = """
    SELECT r.place,
           substring(b.leaf_hashes FROM (greatest(r.first - b.previous_size, 0) * 32 + 1)::int
                                   FOR ((least(r.last, b.size) - greatest(r.first, b.previous_size)) * 32)::int)
    FROM unnest(%b::bigint[], %b::bigint[]) WITH ORDINALITY r(first, last, place)
    CROSS JOIN LATERAL (SELECT x.previous_size, x.size, x.leaf_hashes FROM public.ledger_seal_block x
                        WHERE x.book_id = %b::int AND x.size > r.first ORDER BY x.size LIMIT r.last - r.first) b
    WHERE b.previous_size < r.last ORDER BY r.place, b.previous_size
"""
_NODES = """
    SELECT r.place, n.hash
    FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[]) WITH ORDINALITY r(level, first, last, place)
    CROSS JOIN LATERAL (SELECT x.index, x.hash FROM public.ledger_seal_node x
                        WHERE x.book_id = %b::int AND x.level = r.level AND x.index >= r.first AND x.index < r.last
                        OFFSET 0) n
    ORDER BY r.place, n.index
"""
# The hashes of a block are looked through where they lie: 160 kB need not travel for 32 bytes.
_PLACE = """
    SELECT b.number, b.previous_size, b.size, b.from_id, position(%b::bytea IN b.leaf_hashes)
    FROM public.ledger_seal_block b WHERE b.book_id = %b::int AND b.to_id >= %b::bigint ORDER BY b.to_id, b.number LIMIT 1
"""


class ChainDamaged(LookupError):  # noqa: N818 - what was found, not what failed
    """A hash that the chain must have is not there: somebody removed it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: its newest block's number, incarnation, size, root, and the id up to which it covers."""

    number: int = 0
    incarnation: int = 1
    size: int = 0
    root: bytes = EMPTY_ROOT
    to_id: int = 0


@observed(repository="seals")
def head(*, book_id: int) -> Head:
    """Return the end of a book's chain."""
    block = SealBlock.objects.filter(book_id=book_id).defer("leaf_hashes").order_by("-number").first()
    if block is None:
        return Head()
    return Head(block.number, block.incarnation, block.size, bytes(block.root), block.to_id)


@dataclass(frozen=True, slots=True)
class Place:
    """The block that covers an operation, and the index of its leaf in the tree; None where it is no leaf of the block."""

    block: int
    size: int
    index: int | None


@observed(repository="seals")
def place_of_operation(*, book_id: int, operation_id: int, leaf_hash: bytes) -> Place | None:
    """Return where the chain covers an operation, found by the hash of its leaf; None while it is not sealed."""
    row = execute(_PLACE, (leaf_hash, book_id, operation_id))
    if row is None or row[3] >= operation_id:
        return None
    number, previous_size, size, _, found = row
    place, rest = divmod(found - 1, HASH_BYTES)
    # The first leaf is the header; a hash that does not lie where one begins was made of two others.
    return Place(number, size, previous_size + place if place > 0 and not rest else None)


@observed(repository="seals")
def frontier(*, book_id: int, size: int) -> Frontier:
    """Return what the tree of so many leaves goes on from. Raises ChainDamaged."""
    return Frontier(size, tuple(node_hashes(book_id=book_id)(tree.decompose(0, size))))


def node_hashes(*, book_id: int) -> NodeHashes:
    """Return the reader of a book's subtree hashes; it makes two statements for any number of nodes. Raises ChainDamaged."""

    def read(nodes: Sequence[Node]) -> Sequence[bytes]:
        stored = [_stored(node) for node in nodes]
        ranges = _read_leaves(book_id, stored) | _read_nodes(book_id, stored)
        hashes = []
        for wanted in stored:
            found = ranges[wanted]
            if len(found) != wanted[2] - wanted[1]:
                raise ChainDamaged(f"The chain lacks hashes of level {wanted[0]} from {wanted[1]} on.")
            hashes.append(tree.root(found))
        return hashes

    return read


# A stored level, and the range of its indexes that a node is folded from.
_Range = tuple[int, int, int]


def _stored(node: Node) -> _Range:
    stored = node.level - node.level % NODE_LEVELS
    below = node.level - stored
    return stored, node.start >> stored, (node.start >> stored) + (1 << below)


def _read_leaves(book_id: int, ranges: Sequence[_Range]) -> dict[_Range, list[bytes]]:
    wanted = [part for part in dict.fromkeys(ranges) if part[0] == 0]
    found: dict[_Range, list[bytes]] = {part: [] for part in wanted}
    if wanted:
        firsts, lasts = (int8s([part[column] for part in wanted]) for column in (1, 2))
        with prepared() as cursor:
            for place, piece in cursor.execute(_LEAVES, (firsts, lasts, book_id), prepare=True, binary=True):
                found[wanted[place - 1]] += split(piece)
    return found


def _read_nodes(book_id: int, ranges: Sequence[_Range]) -> dict[_Range, list[bytes]]:
    wanted = [part for part in dict.fromkeys(ranges) if part[0] > 0]
    found: dict[_Range, list[bytes]] = {part: [] for part in wanted}
    if wanted:
        columns = tuple(int8s([part[column] for part in wanted]) for column in range(3))
        with prepared() as cursor:
            for place, hashed in cursor.execute(_NODES, (*columns, book_id), prepare=True, binary=True):
                found[wanted[place - 1]].append(hashed)
    return found


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes that lie behind each other in one value."""
    return [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]
