#!/usr/bin/env python3
"""Check what a ledger proves, without the ledger: one file, no network, nothing to install but `cryptography`.

    verify_receipt.py receipt FILE --key KEY                         is this record in the chain that was signed?
    verify_receipt.py consistency OLD NEW --key KEY --proof FILE     is the old chain the beginning of the new one?
    verify_receipt.py export FOLDER --key KEY                        is this copy of a whole chain the one that was signed?

KEY is the ledger's public key as text (NAME+ID+KEY), or @FILE with it. Get it once, from somebody you trust, and keep it:
a key that comes with the receipt proves nothing. The answer is in words, and in the exit status: 0 it is so; 1 it is not
so (something was changed, or another key signed); 2 it cannot be checked (no key, another kind of file, no `cryptography`).
The rules are public: RFC 6962 and RFC 9162; c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-tiles.
"""

# One file, so that a stranger has one thing to take and to read: that is why it is longer than others.

import argparse
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

FILE_BYTES_MAX = 64 * 1024 * 1024  # no receipt, checkpoint, tile or bundle is larger; do not read what is
OK, TAMPERED, UNCHECKED = 0, 1, 2
SIGNATURE, COSIGNATURE = 1, 4
HASH_BYTES, KEY_BYTES, NUMBER_DIGITS_MAX, SECONDS_MAX, WIDTH = 32, 33, 19, 253402300799, 256
RECEIPT = "c2sp.org/tlog-proof@v1"


class TamperedError(Exception):
    """It is not so: the files contradict each other or the key."""


class UncheckedError(Exception):
    """It cannot be told: something is missing, or a file is not what it should be."""


class Key(NamedTuple):
    """A public key: type 1 signs checkpoints, type 4 cosigns them."""

    name: str
    key_id: bytes
    algorithm: int
    raw: bytes


class Checkpoint(NamedTuple):
    """The head of a chain, the text that was signed, and the signature lines as (name, key id, signature)."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: list[tuple[str, bytes, bytes]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        keys = [_key(text, SIGNATURE) for text in options.key]
        witnesses = [_key(text, COSIGNATURE) for text in options.witness]
        options.run(options, keys, witnesses)
    except TamperedError as error:
        _say(f"NOT SO: {error}")
        return TAMPERED
    except UncheckedError as error:
        _say(f"CANNOT CHECK: {error}")
        return UNCHECKED
    return OK


def check_receipt(options: argparse.Namespace, keys: list[Key], witnesses: list[Key]) -> None:
    """Is the record of this receipt in the chain that was signed?"""
    leaf, index, proof, checkpoint = read_receipt(_read(options.file, "receipt"))
    if options.leaf:
        _say(_shown_leaf(leaf))
    hashed = hashlib.sha256(b"\x00" + leaf).digest()
    _say(f"record     {len(leaf)} bytes, leaf hash {hashed.hex()}")
    if not index < checkpoint.size or path_root(hashed, index, checkpoint.size, proof) != checkpoint.root:
        raise TamperedError("the record does not lead to the root of the checkpoint: one of them was changed.")
    _say(f"place      leaf {index} of {checkpoint.size}; {len(proof)} hashes lead to the root {checkpoint.root.hex()}")
    check_signatures(checkpoint, keys, witnesses, options)
    _say(f"IT IS SO: this record is leaf {index} of the chain {checkpoint.origin} in the signed checkpoint, unchanged.")


def check_consistency(options: argparse.Namespace, keys: list[Key], witnesses: list[Key]) -> None:
    """Is the chain of the old checkpoint the beginning of the chain of the new one?"""
    old, new = (read_checkpoint(_read(name, "checkpoint")) for name in (options.old, options.new))
    for name, checkpoint in (("old", old), ("new", new)):
        _say(f"{name}        {checkpoint.origin}, {checkpoint.size} leaves, root {checkpoint.root.hex()}")
        check_signatures(checkpoint, keys, witnesses, options)
    if old.origin != new.origin:
        raise UncheckedError("these are different chains. A restored ledger names its old chain in the new one.")
    if old.size > new.size:
        raise UncheckedError("name the shorter chain first. If the longer one really is the older, the chain was cut.")
    if old.size == new.size:
        if old.root != new.root:
            raise TamperedError("two roots were signed for one size. Keep both files: history was forked.")
    else:
        _check_growth(options.proof, old, new)
    _say("IT IS SO: everything in the old chain is in the new one, unchanged and in the same place.")


def check_export(options: argparse.Namespace, keys: list[Key], witnesses: list[Key]) -> None:
    """Is every leaf and every hash of this folder what the signed checkpoint covers?"""
    folder = Path(options.folder)
    checkpoint = read_checkpoint(_read(folder / "checkpoint", "checkpoint"))
    _say(f"chain      {checkpoint.origin}, {checkpoint.size} leaves, root {checkpoint.root.hex()}")
    row: list[bytes] = []
    for entries in _bundles(folder, checkpoint.size):
        row += [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
    root, level, full = tree_root(row), 0, row
    while full:
        _check_tiles(folder, level, full)
        full = [tree_root(full[start : start + WIDTH]) for start in range(0, len(full) // WIDTH * WIDTH, WIDTH)]
        level += 1
    if root != checkpoint.root:
        raise TamperedError(f"the leaves lead to {root.hex()}, not to the root of the checkpoint. A leaf was changed.")
    _say(f"leaves     all {checkpoint.size} hash to their tiles, and the tiles to the root")
    check_signatures(checkpoint, keys, witnesses, options)
    blocks = _Blocks()
    for entries in _bundles(folder, checkpoint.size):
        for entry in entries:
            blocks.take(entry)
    blocks.end()
    _say(f"blocks     {blocks.number}, each with the count and the sums of its records that its header says")
    _say("IT IS SO: this folder holds the whole chain up to the signed checkpoint, unchanged.")


class _Blocks:
    """Counts and adds up the records behind each header, leaf by leaf; the header says what must come out."""

    def __init__(self) -> None:
        self.number, self._place = 0, 0
        self._told: tuple[str, dict[str, list[str]]] | None = None
        self._count, self._sums = 0, dict[str, list[int]]()

    def take(self, leaf: bytes) -> None:
        """Take the next leaf of the chain."""
        try:
            record = json.loads(leaf)
            if record["type"] == "block":
                self.end()
                if record["previous_size"] != str(self._place):
                    raise TamperedError(
                        f"the header at leaf {self._place} says that it is leaf {record['previous_size']}."
                    )
                totals = {
                    row["unit"]: [row["entries"], row["increments"], row["decrements"]] for row in record["totals"]
                }
                self._told, self._count, self._sums = (record["count"], totals), 0, {}
                self.number += 1
            else:
                self._count += 1
                for entry in record["entries"]:
                    amount, sums = int(entry["amount"]), self._sums.setdefault(entry["unit"], [0, 0, 0])
                    sums[0] += 1
                    sums[1 if amount > 0 else 2] += abs(amount)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UncheckedError(f"leaf {self._place} is no record of this ledger.") from error
        self._place += 1

    def end(self) -> None:
        """End a block: compare what came with what its header says."""
        sums = {unit: [str(number) for number in numbers] for unit, numbers in self._sums.items()}
        if self._told is None:
            if self._place:
                raise TamperedError("the first leaf is no header of a block.")
        elif self._told != (str(self._count), sums):
            raise TamperedError(f"block {self.number} has {self._count} records with other sums than its header says.")


def check_signatures(head: Checkpoint, keys: list[Key], witnesses: list[Key], options: argparse.Namespace) -> None:
    """Demand a right signature of the ledger, and as many cosignatures of known witnesses as were asked for."""
    if options.origin and head.origin != options.origin:
        raise TamperedError(f"the checkpoint is of the chain {head.origin}, not of {options.origin}.")
    if not keys:
        raise UncheckedError(
            "no public key was given (--key). The hashes fit together, but who made them is not known."
        )
    signed = [name for key in keys if (name := _verified(head, key))]
    if not signed:
        raise TamperedError("no given key has signed the checkpoint: it was forged, or the keys are of another ledger.")
    _say(f"signature  by {', '.join(signed)}: right")
    cosigned = [name for witness in witnesses if (name := _verified(head, witness))]
    _say(f"witnesses  {', '.join(cosigned) or 'none'}")
    wanted = len(witnesses) if options.witnesses is None else options.witnesses
    if len(cosigned) < wanted:
        raise TamperedError(f"{wanted} of the given witnesses should have cosigned, and {len(cosigned)} did.")


def path_root(hashed: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Return the root to which an inclusion proof leads from a leaf hash; None where its length does not fit the place."""
    if size == 1 or not proof:
        return hashed if size == 1 and not proof else None
    left_size = 1 << (size - 1).bit_length() - 1
    if index < left_size:
        left = path_root(hashed, index, left_size, proof[:-1])
        return left and _node(left, proof[-1])
    right = path_root(hashed, index - left_size, size - left_size, proof[:-1])
    return right and _node(proof[-1], right)


def growth_roots(start: bytes | None, old: int, new: int, proof: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the old and the new root to which a consistency proof leads; None where its length does not fit.

    `start` is the old root as long as the old tree is on the left edge; further in, its hash is the first of the proof.
    """
    if old == new:
        both = list(proof) if start is None else [start, *proof]
        return (both[0], both[0]) if len(both) == 1 else None
    if not proof:
        return None
    left_size = 1 << (new - 1).bit_length() - 1
    if old <= left_size:
        roots = growth_roots(start, old, left_size, proof[:-1])
        return roots and (roots[0], _node(roots[1], proof[-1]))
    roots = growth_roots(None, old - left_size, new - left_size, proof[:-1])
    return roots and (_node(proof[-1], roots[0]), _node(proof[-1], roots[1]))


def tree_root(row: list[bytes]) -> bytes:
    """Return the root over a row of hashes."""
    if not row:
        return hashlib.sha256(b"").digest()
    while len(row) > 1:
        odd = row[-1:] if len(row) & 1 else []
        row = [_node(left, right) for left, right in zip(row[::2], row[1::2], strict=False)] + odd
    return row[0]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def read_receipt(text: str) -> tuple[bytes, int, list[bytes], Checkpoint]:
    """Read a receipt (tlog-proof): the record, its place, the hashes, and the checkpoint."""
    head, gap, note = text.partition("\n\n")
    lines = head.split("\n")
    if not gap or lines[0] != RECEIPT or [line.split(" ")[0] for line in lines[1:3]] != ["extra", "index"]:
        raise UncheckedError(f"this is not a receipt: its first lines should be {RECEIPT}, extra and index.")
    return (
        _decoded(lines[1][6:]),
        _number(lines[2][6:]),
        [_decoded(line, HASH_BYTES) for line in lines[3:]],
        read_checkpoint(note),
    )


def read_checkpoint(note: str) -> Checkpoint:
    """Read a signed checkpoint, or the one in a receipt; nothing is checked yet."""
    if note.startswith(RECEIPT):
        note = note.partition("\n\n")[2]
    body, gap, tail = note.rpartition("\n\n")
    lines = body.split("\n")
    if not gap or not tail.endswith("\n") or len(lines) < len(("origin", "size", "root")) or not all(lines):
        raise UncheckedError("this is not a signed checkpoint: three lines, an empty line, and signature lines.")
    signatures = []
    for line in tail[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        raw = _decoded(encoded)
        if dash != "\N{EM DASH}" or not name:
            raise UncheckedError("a line below the checkpoint is not a signature.")
        signatures.append((name, raw[:4], raw[4:]))
    return Checkpoint(lines[0], _number(lines[1]), _decoded(lines[2], HASH_BYTES), body + "\n", signatures)


def _check_growth(name: str | None, old: Checkpoint, new: Checkpoint) -> None:
    if old.size == 0 and old.root == tree_root([]):
        return
    if name is None:
        raise UncheckedError(
            "the chain has grown: give the ledger's consistency proof for the two sizes with --proof FILE."
        )
    proof = [_decoded(line, HASH_BYTES) for line in _read(name, "proof").split()]
    if not old.size or growth_roots(old.root, old.size, new.size, proof) != (old.root, new.root):
        raise TamperedError(
            "the proof does not join the two roots. Keep the files; if no proof does, history was changed."
        )
    _say(f"growth     {len(proof)} hashes lead from {old.size} leaves to {new.size}: the proof fits")


def _bundles(folder: Path, size: int) -> Iterator[list[bytes]]:
    """Yield the leaves of an export, bundle by bundle; a leaf too long for its bundle is in a file of its own."""
    for number in range(-(-size // WIDTH)):
        width = min(WIDTH, size - number * WIDTH)
        raw, place = _read_bytes(folder / "tile" / "entries" / _tile_name(number, width)), 0
        entries: list[bytes] = []
        while place < len(raw):
            end = place + 2 + int.from_bytes(raw[place : place + 2])
            index = number * WIDTH + len(entries)
            entries.append(raw[place + 2 : end] or _read_bytes(folder / "tile" / "long" / _tile_name(index, WIDTH)))
            place = end
        if place != len(raw) or len(entries) != width:
            raise TamperedError(f"the bundle from leaf {number * WIDTH} on has {len(entries)} leaves, not {width}.")
        yield entries


def _check_tiles(folder: Path, level: int, row: list[bytes]) -> None:
    for start in range(0, len(row), WIDTH):
        hashes = row[start : start + WIDTH]
        raw = _read_bytes(folder / "tile" / str(level) / _tile_name(start // WIDTH, len(hashes)))
        if raw != b"".join(hashes):
            held = [raw[place : place + HASH_BYTES] for place in range(0, len(raw), HASH_BYTES)]
            wrong = next(
                (place for place, pair in enumerate(zip(hashes, held, strict=False)) if len(set(pair)) > 1), len(held)
            )
            what = f"leaf {start + wrong}" if level == 0 else f"the hash {start + wrong} of level {level}"
            raise TamperedError(f"{what} is not what its tile says.")


def _tile_name(number: int, width: int) -> str:
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    return "/".join(reversed(groups)) + ("" if width == WIDTH else f".p/{width}")


def _read(name: str | Path, member: str) -> str:
    """Return a file's text; of an answer of the ledger's API, which is JSON, this member of it."""
    try:
        text = _read_bytes(Path(name)).decode()
        if text.lstrip().startswith("{"):
            found = json.loads(text)[member]
            text = "\n".join(found if isinstance(found, list) else [found])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UncheckedError(f"{name} is not text, or has no {member} (yet).") from error
    return text


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UncheckedError(f"{path} cannot be read ({error.strerror}).") from error
    if len(raw) > FILE_BYTES_MAX:
        raise UncheckedError(f"{path} is too long to be what it should be.")
    return raw


def _key(text: str, algorithm: int) -> Key:
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    material = _decoded(encoded)
    wanted = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    if len(material) != KEY_BYTES or material[0] != algorithm or key_id != wanted.hex():
        raise UncheckedError("a key has not the form NAME+ID+KEY of its kind, or was not copied whole.")
    return Key(name, wanted, material[0], material[1:])


def _verified(checkpoint: Checkpoint, key: Key) -> str | None:
    """Return what the key's right signature says (name, and time for a witness), None where it has not signed."""
    for name, key_id, made in checkpoint.signatures:
        if (name, key_id) != (key.name, key.key_id):
            continue
        raw, message, said = made, checkpoint.text, name
        if key.algorithm == COSIGNATURE:
            raw, seconds = made[8:], int.from_bytes(made[:8])
            message, said = (
                f"cosignature/v1\ntime {seconds}\n{message}",
                f"{name} at {datetime.fromtimestamp(min(seconds, SECONDS_MAX), UTC)}",
            )
        if not _ed25519_accepts(key.raw, raw, message.encode()):
            raise TamperedError(f"the signature by {name} is wrong: the checkpoint was changed after it was signed.")
        return said
    return None


def _ed25519_accepts(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - its absence is an answer
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    except ImportError as error:
        raise UncheckedError("signatures need the Python package `cryptography`. The hashes fit together.") from error
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _decoded(text: str, length: int | None = None) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UncheckedError("a line is not base64: the file was damaged, or is something else.") from error
    if base64.b64encode(raw).decode() != text or len(raw) != (length or len(raw)):
        raise UncheckedError("a line is not the base64 of what it should be: the file was damaged.")
    return raw


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > NUMBER_DIGITS_MAX or str(int(text)) != text:
        raise UncheckedError("a line should be a number, and is not.")
    return int(text)


def _shown_leaf(leaf: bytes) -> str:
    """Return the record with line breaks, if it is the one JSON that its members make; else the bytes."""
    try:
        record = json.loads(leaf)
        whole = json.dumps(record, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode() == leaf
    except (ValueError, RecursionError):
        whole = False
    return json.dumps(record, indent=2) if whole else ascii(leaf)


def _say(line: str) -> None:
    """Print a line, with escapes for what could confuse a terminal: texts come from the files that are checked."""
    sys.stdout.write("".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in line) + "\n")


def _parser() -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shape, fromfile_prefix_chars="@")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, files in (
        ("receipt", check_receipt, {"file": "a receipt, also within the ledger's answer"}),
        (
            "consistency",
            check_consistency,
            {"old": "a checkpoint or receipt, also within an answer", "new": "a later one"},
        ),
        ("export", check_export, {"folder": "a chain as a folder of tiles"}),
    ):
        command = commands.add_parser(name, help=str(run.__doc__))
        for file, about in files.items():
            command.add_argument(file, help=about)
        command.add_argument("--key", action="append", default=[], help="a public key of the ledger; may be repeated")
        command.add_argument(
            "--witness", action="append", default=[], help="a public key of a witness; may be repeated"
        )
        command.add_argument("--witnesses", type=int, help="how many of them must have cosigned; all, unless told")
        command.add_argument("--origin", help="the chain that it must be, such as ledger.example.com/main/1")
        command.set_defaults(run=run)
    commands.choices["receipt"].add_argument("--leaf", action="store_true", help="show the record too")
    commands.choices["consistency"].add_argument(
        "--proof", help="the ledger's proof between the two sizes, or its answer"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
