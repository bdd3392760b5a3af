"""A chain as a folder of plain files (c2sp.org/tlog-tiles): which files a tree of some size has, and what is in them. Pure.

A tile is 256 hashes of one level in eight of the tree: level 0 holds the leaf hashes, level 1 the roots over 256 leaves, and so
on; the last tile of a level may be partial. An entry bundle holds the 256 leaves themselves. A full tile never changes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ledger.limits import BUNDLE_ENTRY_BYTES_MAX
from ledger.sealing.tree import Node

WIDTH = 256
CHECKPOINT = "checkpoint"

_LEVELS = 8
_LENGTH_BYTES = 2
_GROUP = 1000


class BundleError(ValueError):
    """The bytes are not an entry bundle."""


class Tile(NamedTuple):
    """The hashes `number * 256` and following of one level of tiles, `width` of them."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The file it is in, below the folder of the chain."""
        return f"tile/{self.level}/{_place(self.number, self.width)}"

    @property
    def entries_path(self) -> str:
        """The file of the leaves below it; only tiles of level 0 have one."""
        return f"tile/entries/{_place(self.number, self.width)}"

    @property
    def nodes(self) -> list[Node]:
        """The nodes of the tree whose hashes it holds, in order."""
        first = self.number * WIDTH
        return [Node(self.level * _LEVELS, number) for number in range(first, first + self.width)]


def tiles(size: int, *, since: int = 0) -> Iterator[Tile]:
    """Yield the tiles of a tree of `size` leaves, level by level; those that a tree of `since` leaves had too are left out."""
    level, hashes, had = 0, size, since
    while hashes:
        for number in range(had // WIDTH, -(-hashes // WIDTH)):
            width = min(WIDTH, hashes - number * WIDTH)
            if hashes > had:
                yield Tile(level, number, width)
        level, hashes, had = level + 1, hashes // WIDTH, had // WIDTH


def long_entry_path(index: int) -> str:
    """The file of a leaf that is too long for a bundle, whose lengths have 16 bits; the bundle has length zero in its place."""
    return f"tile/long/{_place(index, WIDTH)}"


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return the entries one after the other, each behind its length; zero for one that is too long."""
    parts: list[bytes] = []
    for entry in entries:
        held = entry if len(entry) <= BUNDLE_ENTRY_BYTES_MAX else b""
        parts += (len(held).to_bytes(_LENGTH_BYTES), held)
    return b"".join(parts)


def decode_bundle(raw: bytes) -> list[bytes]:
    """Return the entries of a bundle; an empty one stands for a leaf that is too long."""
    entries, place = [], 0
    while place < len(raw):
        length = int.from_bytes(raw[place : place + _LENGTH_BYTES])
        place += _LENGTH_BYTES
        entries.append(raw[place : place + length])
        place += length
    if place != len(raw):
        raise BundleError("The bundle ends within an entry.")
    return entries


def _place(number: int, width: int) -> str:
    groups = [f"{number % _GROUP:03d}"]
    while number := number // _GROUP:
        groups.append(f"x{number % _GROUP:03d}")
    suffix = "" if width == WIDTH else f".p/{width}"
    return "/".join(reversed(groups)) + suffix
