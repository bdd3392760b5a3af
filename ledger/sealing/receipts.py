"""Receipts (c2sp.org/tlog-proof): one file that proves to a stranger, offline, that a leaf is in the chain. Pure.

The file holds the leaf itself (as the format's extra data), its index, the hashes beside its way to the root, and the signed
checkpoint. Nothing in it is believed: the leaf is hashed, the hashes lead to a root, and the root is the one that was signed.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.limits import PROOF_HASHES_MAX, RECEIPT_BYTES_MAX
from ledger.sealing import checkpoints, notes, tree
from ledger.sealing.checkpoints import CheckpointError, Opened
from ledger.sealing.notes import NoteError, Verifier

_HEADER = "c2sp.org/tlog-proof@v1"
_EXTRA = "extra "
_INDEX = "index "


class ReceiptError(ValueError):
    """The text is not a receipt, or what it holds does not fit together; the message says which."""


@dataclass(frozen=True)
class Receipt:
    """A leaf with its index, the hashes beside its way to the root, and the text of the signed checkpoint."""

    leaf: bytes
    index: int
    proof: tuple[bytes, ...]
    checkpoint: str

    def __str__(self) -> str:
        lines = [_HEADER, _EXTRA + _base64(self.leaf), f"{_INDEX}{self.index}", *map(_base64, self.proof)]
        return "\n".join(lines) + "\n\n" + self.checkpoint


def parse(text: str) -> Receipt:
    """Read a receipt, strictly, without checking what it proves; `ReceiptError` says what is wrong with its form."""
    if len(text) > RECEIPT_BYTES_MAX:
        raise ReceiptError("The receipt is too long.")
    head, gap, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not gap or lines.pop(0) != _HEADER:
        raise ReceiptError(f"A receipt begins with the line {_HEADER}, and an empty line comes before its checkpoint.")
    leaf = _line(lines, _EXTRA)
    index = _line(lines, _INDEX)
    if not (index.isascii() and index.isdecimal()) or str(int(index[:20])) != index:
        raise ReceiptError("The line `index` has the place of the leaf, in decimal.")
    if len(lines) > PROOF_HASHES_MAX:
        raise ReceiptError("The receipt has more hashes than any tree needs.")
    return Receipt(_decoded(leaf), int(index), tuple(_decoded(line, tree.HASH_BYTES) for line in lines), checkpoint)


def verify(receipt: Receipt, keys: Sequence[Verifier], witnesses: Sequence[Verifier] = ()) -> Opened:
    """Check that the leaf is in the tree that one of `keys` signed; return the opened checkpoint, or raise `ReceiptError`."""
    try:
        opened = checkpoints.open_signed(receipt.checkpoint, keys, witnesses)
    except (NoteError, CheckpointError) as error:
        raise ReceiptError(str(error)) from error
    head = opened.checkpoint
    leaf = tree.leaf_hash(receipt.leaf)
    if not tree.verify_inclusion(leaf=leaf, index=receipt.index, size=head.size, proof=receipt.proof, root=head.root):
        raise ReceiptError("The leaf does not lead to the signed root.")
    return opened


def _line(lines: list[str], prefix: str) -> str:
    line = lines.pop(0) if lines else ""
    if not line.startswith(prefix):
        raise ReceiptError(f"The line `{prefix.strip()}` is missing.")
    return line.removeprefix(prefix)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str, length: int | None = None) -> bytes:
    raw = notes.decode_base64(text)
    if raw is None or (length is not None and len(raw) != length):
        raise ReceiptError("A line of the receipt is not the base64 of what it should hold.")
    return raw
