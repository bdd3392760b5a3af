"""Checkpoints (c2sp.org/tlog-checkpoint): the head of a tree as the text of a signed note. Pure.

Line by line: the origin, which names the chain; the number of leaves; the root in base64; further lines are kept as they are.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.sealing import notes
from ledger.sealing.notes import COSIGNATURE, Note, Signature, Signer, Verifier

SIZE_MAX = 2**63 - 1

_LINES_MIN = 3


class CheckpointError(ValueError):
    """The text is not the body of a checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """The head of a chain: its origin, its number of leaves, and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """The text to sign."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Opened:
    """A checkpoint whose signatures were checked: `signed` are the ones by the chain's keys, `cosigned` by witnesses."""

    checkpoint: Checkpoint
    note: Note
    signed: tuple[Signature, ...]
    cosigned: tuple[Signature, ...] = ()


def parse(body: str) -> Checkpoint:
    """Read the body of a checkpoint, strictly; `CheckpointError` says what is wrong."""
    lines = body.split("\n")
    if lines.pop() != "" or len(lines) < _LINES_MIN or not all(lines):
        raise CheckpointError("A checkpoint has three lines or more, none of them empty, each with its newline.")
    origin, size, root, *extensions = lines
    decimal = size.isascii() and size.isdecimal()
    if not decimal or (size != "0" and size.startswith("0")) or len(size) > len(str(SIZE_MAX)) or int(size) > SIZE_MAX:
        raise CheckpointError("The second line of a checkpoint is the number of leaves, in decimal.")
    decoded = notes.decode_base64(root)
    if not decoded:
        raise CheckpointError("The third line of a checkpoint is the root hash in base64.")
    return Checkpoint(origin, int(size), decoded, tuple(extensions))


def sign(checkpoint: Checkpoint, signers: Sequence[Signer]) -> Note:
    """Return the checkpoint as a note signed by each of the keys."""
    return notes.sign(checkpoint.body, signers)


def open_signed(text: str, keys: Sequence[Verifier], witnesses: Sequence[Verifier] = ()) -> Opened:
    """Read a signed checkpoint and check it: one of the chain's `keys` has signed it, cosignatures of `witnesses` are right.

    `NoteError` or `CheckpointError` where that is not so. The caller compares origin, size and root with what it expects.
    """
    note = notes.parse(text)
    signed = notes.verify(note, keys)
    known = {(witness.name, witness.key_id) for witness in witnesses if witness.algorithm == COSIGNATURE}
    has_cosigned = any((signature.name, signature.key_id) in known for signature in note.signatures)
    cosigned = notes.verify(note, witnesses) if has_cosigned else ()
    return Opened(parse(note.text), note, signed, cosigned)
