"""Who posted: a code on every operation, made by the posting process with a key that the database does not have.

HMAC-SHA256 (RFC 2104), twice 16 bytes: the first half over the message (book, source, what it reverses, message hash, kind, key,
credential), the second over the message and the entries that conversion made of it. Both, because a refused operation has no
entries to check against, and because a message that waits in the inbox has none yet. Sealing and verifying check it: a row that
was inserted by hand has no valid one, whatever rights its author has in the database.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterable, Sequence
from functools import cache

from django.conf import settings

from ledger.contracts import Draft, Macs, Message

HALF_BYTES = 16
# What SHA-256 gives: a shorter key would be the weaker part.
SECRET_BYTES_MIN = 32
_NUMBERS = struct.Struct("!iqq")
# What begins the entries of a code, also where there are none.
ENTRIES = b"\x01"
_BLOCK_BYTES = 64


class MacKeyError(ValueError):
    """The keys of the settings cannot be used; the message never repeats them."""


class MacKey:
    """One key, ready to begin a code with: both blocks of RFC 2104 are hashed once and then copied."""

    def __init__(self, name: str, secret: bytes) -> None:
        self.name = name
        block = (secret if len(secret) <= _BLOCK_BYTES else hashlib.sha256(secret).digest()).ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(block.translate(hmac.trans_36))
        self._outer = hashlib.sha256(block.translate(hmac.trans_5C))

    def of_message(self, head: bytes) -> bytes:
        """Return the half that covers the message: 16 bytes."""
        inner = self._inner.copy()
        inner.update(head)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()[:HALF_BYTES]

    def of_both(self, head: bytes, entries: bytes) -> bytes:
        """Return both halves: 32 bytes."""
        return self.of_message(head) + self.of_message(head + entries)

    def of_entries(self, head: bytes, entries: bytes) -> bytes:
        """Return the half that covers the message and its entries: 16 bytes."""
        return self.of_message(head + entries)


def head(
    book_id: int, source_id: int, reverses: int | None, message_hash: bytes, kind: str, key: str, credential: str
) -> bytes:
    """Return the bytes of a message that its code covers. No text in the database holds a NUL, so nothing can be shifted."""
    words = "\0".join((kind, key, credential)).encode()
    return _NUMBERS.pack(book_id, source_id, reverses or 0) + message_hash + words


def entries(pairs: Iterable[tuple[int, int]]) -> bytes:
    """Return the bytes of entries, as (account id, minor units), that a code covers."""
    return ENTRIES + ";".join([f"{account_id}:{amount}" for account_id, amount in pairs]).encode()


def keys() -> dict[str, MacKey]:
    """Return the keys of the settings by name; the first signs, all check. Raises MacKeyError."""
    return _parse(settings.MAC_KEYS)


def signing_key() -> MacKey:
    """Return the key that signs. Raises MacKeyError."""
    return next(iter(keys().values()))


def of_operations(*, book_id: int, messages: Sequence[Message], drafts: Sequence[Draft]) -> Macs:
    """Return the code of each message with its draft. Raises MacKeyError."""
    key = signing_key()
    codes = [
        key.of_both(_head_of(book_id, message), entries([(account.id, amount) for account, amount in draft.entries]))
        for message, draft in zip(messages, drafts, strict=True)
    ]
    return Macs(codes, key.name)


def of_messages(*, book_id: int, messages: Iterable[Message]) -> Macs:
    """Return the code of each message that is stored for later. Raises MacKeyError."""
    key = signing_key()
    return Macs([key.of_message(_head_of(book_id, message)) for message in messages], key.name)


def is_genuine_message(*, book_id: int, message: Message, code: bytes | None, key_name: str | None) -> bool:
    """Tell whether a message that waited was stored by us."""
    key = keys().get(key_name or "")
    return key is not None and hmac.compare_digest(key.of_message(_head_of(book_id, message)), bytes(code or b""))


def _head_of(book_id: int, message: Message) -> bytes:
    return head(
        book_id,
        message.source_id,
        message.reverses,
        message.message_hash,
        message.kind,
        message.key,
        message.credential,
    )


@cache
def _parse(text: str) -> dict[str, MacKey]:
    found: dict[str, MacKey] = {}
    for line in text.replace(",", "\n").split():
        name, colon, secret = line.partition(":")
        if not colon or not name.isalnum() or len(secret) < SECRET_BYTES_MIN:
            raise MacKeyError("MAC_KEYS is a list of NAME:SECRET, the secret with 32 characters or more.")
        if name in found:
            raise MacKeyError(f"MAC_KEYS has two keys of the name {name}.")
        found[name] = MacKey(name, secret.encode())
    if not found:
        raise MacKeyError("MAC_KEYS has no key.")
    return found
