"""A chain written as a folder of plain files (`tiles`), to be served by any web server, or handed to an auditor.

The folder only grows: a full tile is written once, and the checkpoint last, so that a reader never sees a checkpoint without its
files. A folder whose checkpoint is not the beginning of the chain is left alone, and that is told: it is evidence.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.limits import BUNDLE_ENTRY_BYTES_MAX
from ledger.sealing import checkpoints, notes, tiles, tree
from ledger.sealing.checkpoints import Checkpoint, CheckpointError
from ledger.sealing.notes import Note, NoteError
from ledger.sealing.tiles import Tile
from ledger.sealing.tree import NodeHashes

# Gives the leaves [start, end) of the chain, at most 256 at once.
Leaves = Callable[[int, int], Sequence[bytes]]


class ExportError(Exception):
    """The folder holds another chain, or the leaves do not lead to the checkpoint."""


def export(*, folder: Path, note: Note, node_hashes: NodeHashes, leaves: Leaves) -> int:
    """Bring the folder up to the signed checkpoint, and return how many files were written. Costs what is new, not what is there.

    `node_hashes` and `leaves` read the chain. Raises `ExportError` if the folder holds anything else than its beginning.
    """
    head = checkpoints.parse(note.text)
    if tree.fold(node_hashes(tree.decompose(0, head.size))) != head.root:
        raise ExportError("The stored hashes do not lead to the root of the checkpoint.")
    since = _held(folder, head, node_hashes)
    written = 0
    for tile in tiles.tiles(head.size, since=since):
        if tile.level == 0:
            written += _write_leaves(folder, tile, leaves)
        else:
            written += _write(folder / tile.path, b"".join(node_hashes(tile.nodes)))
    _replace(folder / tiles.CHECKPOINT, str(note).encode())
    return written + 1


def _held(folder: Path, head: Checkpoint, node_hashes: NodeHashes) -> int:
    """Return the size of the chain that the folder holds already; it must be the beginning of this one."""
    path = folder / tiles.CHECKPOINT
    if not path.exists():
        return 0
    try:
        held = checkpoints.parse(notes.parse(path.read_text(encoding="utf-8")).text)
    except (NoteError, CheckpointError, UnicodeDecodeError) as error:
        raise ExportError("The folder has a file `checkpoint` that is none.") from error
    same = held.origin == head.origin and held.size <= head.size
    if not same or tree.fold(node_hashes(tree.decompose(0, held.size))) != held.root:
        raise ExportError(
            f"The folder holds {held.size} leaves of {held.origin}, which are not the beginning of this chain."
        )
    return held.size


def _write_leaves(folder: Path, tile: Tile, leaves: Leaves) -> int:
    start = tile.number * tiles.WIDTH
    entries = leaves(start, start + tile.width)
    if len(entries) != tile.width:
        raise ExportError(f"Of the leaves from {start} on, {len(entries)} were found, not {tile.width}.")
    written = _write(folder / tile.path, b"".join(map(tree.leaf_hash, entries)))
    written += _write(folder / tile.entries_path, tiles.encode_bundle(entries))
    for index, entry in enumerate(entries, start):
        if len(entry) > BUNDLE_ENTRY_BYTES_MAX:
            written += _write(folder / tiles.long_entry_path(index), entry)
    return written


def _write(path: Path, content: bytes) -> int:
    """Write a file that is not there yet; one that an earlier run left behind must be the same."""
    if not path.exists():
        _replace(path, content)
        return 1
    if path.read_bytes() != content:
        raise ExportError(f"{path} is there already, with other content.")
    return 0


def _replace(path: Path, content: bytes) -> None:
    """Put the whole content in place at once, so that no reader and no crash leaves a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
