"""Signed notes (c2sp.org/signed-note) with Ed25519: a text, an empty line, and one line for each signature. Pure.

Two types of signature are known: 1 signs the text; 4 is a witness's cosignature (c2sp.org/tlog-cosignature, v1), which signs
the text together with a time. A signature by a key that the reader was not given says nothing and is ignored.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.limits import NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX

ED25519 = 0x01
COSIGNATURE = 0x04

_DASH = "\N{EM DASH} "
_KEY_ID_BYTES = 4
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_TIME_BYTES = 8
_SECRET_PREFIX = "PRIVATE+KEY+"  # noqa: S105 - the format's constant, not a secret
_SPACE = 0x20


class NoteError(ValueError):
    """The text is not a signed note, or a signature by a known key is wrong, or no known key signed it."""


class KeyTextError(ValueError):
    """The text is not a key of the signed-note format; the message never repeats it."""


@dataclass(frozen=True)
class Verifier:
    """A public key under a name, as `vkey` writes it: NAME+KEYID+KEY, with the type of its signatures."""

    name: str
    public_key: bytes
    algorithm: int = ED25519

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        """Read a verifier key; `KeyTextError` where it is malformed, of another type, or its id does not match."""
        parts = vkey.strip().split("+", 2)
        if len(parts) != len(("name", "id", "key")):
            raise KeyTextError("A public key has the form NAME+ID+KEY.")
        algorithm, public_key = _key_material(parts[2])
        verifier = cls(_checked_name(parts[0]), public_key, algorithm)
        if parts[1] != verifier.key_id.hex():
            raise KeyTextError("The id of the public key does not match its name and key.")
        return verifier

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256 over name, newline, type and key: tells keys of one name apart."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes((self.algorithm,)) + self.public_key).digest()[
            :_KEY_ID_BYTES
        ]

    @property
    def vkey(self) -> str:
        """The key as text, to be given to whoever checks notes."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(bytes((self.algorithm,)) + self.public_key)}"

    def accepts(self, text: str, signature: "Signature") -> bool:
        """Tell whether the signature is this key's over the text."""
        raw, message = signature.raw, text.encode()
        if self.algorithm == COSIGNATURE:
            raw, message = raw[_TIME_BYTES:], _cosigned(text, int.from_bytes(raw[:_TIME_BYTES]))
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(raw, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signature:
    """One signature line: the name and id of a key, and the bytes it made."""

    name: str
    key_id: bytes
    raw: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_DASH}{self.name} {_base64(self.key_id + self.raw)}\n"

    @property
    def cosigned_at_seconds(self) -> int:
        """The time in a cosignature, in seconds since 1970; meaningless for a plain signature."""
        return int.from_bytes(self.raw[:_TIME_BYTES])


@dataclass(frozen=True)
class Signer:
    """A private key under a name. Its representation does not show the key."""

    verifier: Verifier
    private_key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Signer({self.verifier.vkey})"

    @classmethod
    def generate(cls, name: str, algorithm: int = ED25519) -> "Signer":
        """Make a new key from the system's randomness."""
        return cls.from_private_key(name, Ed25519PrivateKey.generate(), algorithm)

    @classmethod
    def parse(cls, text: str) -> "Signer":
        """Read a private key of the form PRIVATE+KEY+NAME+ID+KEY, from a file or the environment."""
        text = text.strip()
        parts = text.removeprefix(_SECRET_PREFIX).split("+", 2)
        if not text.startswith(_SECRET_PREFIX) or len(parts) != len(("name", "id", "key")):
            raise KeyTextError("A private key has the form PRIVATE+KEY+NAME+ID+KEY.")
        algorithm, seed = _key_material(parts[2])
        signer = cls.from_private_key(_checked_name(parts[0]), Ed25519PrivateKey.from_private_bytes(seed), algorithm)
        if parts[1] != signer.verifier.key_id.hex():
            raise KeyTextError("The id of the private key does not match its name and key.")
        return signer

    @classmethod
    def from_private_key(cls, name: str, private_key: Ed25519PrivateKey, algorithm: int = ED25519) -> "Signer":
        """Name a private key."""
        public_key = private_key.public_key().public_bytes_raw()
        return cls(Verifier(_checked_name(name), public_key, algorithm), private_key)

    @property
    def text(self) -> str:
        """The private key as text: keep it in a file of mode 0600, or in the environment."""
        verifier = self.verifier
        key = _base64(bytes((verifier.algorithm,)) + self.private_key.private_bytes_raw())
        return f"{_SECRET_PREFIX}{verifier.name}+{verifier.key_id.hex()}+{key}"

    def sign(self, text: str, at: datetime | None = None) -> Signature:
        """Sign the text; a cosigning key needs the time `at` and signs it too."""
        if self.verifier.algorithm == ED25519:
            raw = self.private_key.sign(text.encode())
        elif at is None:
            raise ValueError("A cosignature states its time.")
        else:
            seconds = int(at.timestamp())
            raw = seconds.to_bytes(_TIME_BYTES) + self.private_key.sign(_cosigned(text, seconds))
        return Signature(self.verifier.name, self.verifier.key_id, raw)


@dataclass(frozen=True)
class Note:
    """A text, which ends in a newline, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line for signature in self.signatures)

    def with_signatures(self, signatures: Sequence[Signature]) -> "Note":
        """Return the note with further signatures at the end; one that is there already is not repeated."""
        new = [signature for signature in signatures if signature not in self.signatures]
        return Note(self.text, (*self.signatures, *new))


def sign(text: str, signers: Sequence[Signer], at: datetime | None = None) -> Note:
    """Return the text signed by each of the keys, in their order."""
    if not text.endswith("\n") or not signers:
        raise ValueError("A signed note has a text that ends in a newline, and a signature.")
    _check_characters(text)
    return Note(text, tuple(signer.sign(text, at) for signer in signers))


def parse(note: str) -> Note:
    """Read a signed note, without checking its signatures; `NoteError` says what is wrong with its form."""
    if len(note.encode("utf-8", "surrogatepass")) > NOTE_BYTES_MAX:
        raise NoteError("The note is too long.")
    _check_characters(note)
    text, gap, lines = note.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise NoteError("A signed note is a text, an empty line and signature lines, each with its newline.")
    signatures = tuple(parse_signature(line) for line in lines.removesuffix("\n").split("\n"))
    if len(signatures) > NOTE_SIGNATURES_MAX:
        raise NoteError("The note has too many signatures.")
    return Note(text + "\n", signatures)


def parse_signature(line: str) -> Signature:
    """Read one signature line, without its newline."""
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _is_name(name):
        raise NoteError("A signature line has the form — NAME SIGNATURE.")
    raw = decode_base64(encoded)
    if raw is None or len(raw) <= _KEY_ID_BYTES:
        raise NoteError("A signature line ends in the base64 of key id and signature.")
    return Signature(name, raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:])


def verify(note: Note, verifiers: Sequence[Verifier]) -> tuple[Signature, ...]:
    """Return the signatures by the given keys, all of them right; at least one.

    `NoteError` where a signature of a given key is wrong, or none of the given keys signed. Others are ignored.
    """
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    found = []
    for signature in note.signatures:
        verifier = known.get((signature.name, signature.key_id))
        if verifier is None:
            continue
        if not verifier.accepts(note.text, signature):
            raise NoteError(f"The signature by {signature.name} is wrong.")
        found.append(signature)
    if not found:
        raise NoteError("None of the known keys has signed.")
    return tuple(found)


def decode_base64(text: str) -> bytes | None:
    """Decode the one canonical base64 of some bytes; anything else, also stray bits at the end, is None."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if _base64(raw) == text else None


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _check_characters(text: str) -> None:
    if any(ord(character) < _SPACE and character != "\n" for character in text):
        raise NoteError("A note has no control characters but newlines.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NoteError("A note is valid UTF-8.") from error


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _checked_name(name: str) -> str:
    if not _is_name(name):
        raise KeyTextError("The name of a key is not empty and has neither blanks nor a plus sign.")
    return name


def _key_material(encoded: str) -> tuple[int, bytes]:
    raw = decode_base64(encoded)
    if raw is None or len(raw) != 1 + _KEY_BYTES or raw[0] not in {ED25519, COSIGNATURE}:
        raise KeyTextError("The key is not an Ed25519 key of a known type.")
    return raw[0], raw[1:]


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
