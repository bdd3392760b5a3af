"""The leaves of the chain: what is sealed of an operation, and the header of a block, as canonical JSON. Pure.

A leaf is JSON in the form of RFC 8785 (names sorted, no blanks) made of texts, null, lists and objects only: integers are decimal
strings, so no reader can lose a digit. Amounts are minor units of the unit. This is the reference: version 1 never changes,
because a changed byte is another hash; what has to change becomes version 2 beside it.

Personal data (the message with its description and metadata, the evidence of a signature, the request) enters only as a salted
digest: it can be erased later and the chain stays valid. The salt is random, so nobody guesses a neighbour's leaf from its hash.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from json.encoder import encode_basestring
from typing import NamedTuple

EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - microseconds since then in UTC, as PostgreSQL counts
_SECOND = 1_000_000
# A text as JSON, with the escapes of RFC 8785 and no others.
quoted = encode_basestring


class SealedOperation(NamedTuple):
    """What is sealed of an operation; times are microseconds since EPOCH, `detail` is the salted digest of what is personal."""

    id: int
    source_id: int
    key: str
    kind: str
    message_hash: bytes
    credential: str
    received_at: int
    recorded_at: int
    effective_at: int
    outcome: str
    reverses: int | None
    salt: bytes
    detail: bytes


class AccountTexts(NamedTuple):
    """The two halves of an entry's text that its account decides, and the account's unit."""

    before: str
    after: str
    unit: str


class UnitTotals(NamedTuple):
    """The control totals of one unit over the entries of a block, in minor units."""

    unit: str
    exponent: int
    entries: int
    increments: int
    decrements: int


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """What the first leaf of a block says. Ids are operations': above `from_id` up to `to_id`; `sealed_at` as in SealedOperation.

    `quarantined` are operations of that range that carry no valid code, so that they are no leaves; `keys` sign from the next
    checkpoint on; `incarnation_note` tells, in the first block of an incarnation, what was lost and why; `archives` are files
    that hold operations sealed before (name, sha256, from, to, operations): only then there is such a name, and the version is 2.
    """

    book: str
    incarnation: int
    number: int
    previous_size: int
    previous_root: bytes
    from_id: int
    to_id: int
    count: int
    sealed_at: int
    totals: tuple[UnitTotals, ...] = ()
    quarantined: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()
    incarnation_note: Mapping[str, str] | None = None
    archives: tuple[Mapping[str, str], ...] = ()


class Clock:
    """Writes times as YYYY-MM-DDTHH:MM:SS.ffffffZ; a block's times lie in few seconds, so the text of a second is kept."""

    SECONDS_KEPT_MAX = 10_000

    def __init__(self) -> None:
        self._seconds: dict[int, str] = {}

    def text(self, microseconds: int) -> str:
        """Return the time so many microseconds after EPOCH; what no calendar holds is written as the number itself."""
        second, rest = divmod(microseconds, _SECOND)
        text = self._seconds.get(second)
        if text is None:
            if len(self._seconds) >= self.SECONDS_KEPT_MAX:
                self._seconds.clear()
            try:
                text = (EPOCH + timedelta(seconds=second)).isoformat(timespec="seconds")
            except OverflowError:
                return str(microseconds)
            self._seconds[second] = text
        return f"{text}.{rest:06d}Z"


def account_texts(code: str, unit: str) -> AccountTexts:
    """Return what an account contributes to the text of each of its entries."""
    return AccountTexts(f'{{"account":{quoted(code)},"amount":"', f'","unit":{quoted(unit)}}}', unit)


def entry_text(account: AccountTexts, entry_id: int, amount: str) -> str:
    """Return the text of one entry; the amount is a decimal integer."""
    return f'{account.before}{amount}","id":"{entry_id}{account.after}'


def operation_leaf(book: str, operation: SealedOperation, entry_texts: Iterable[str], clock: Clock) -> bytes:
    """Return the leaf of an operation with the texts of its entries in the order of their ids."""
    before, after = operation_texts(book, operation, clock)
    return (before + ",".join(entry_texts) + after).encode()


def operation_texts(book: str, operation: SealedOperation, clock: Clock) -> tuple[str, str]:
    """Return the texts of an operation's leaf before its entries and after them."""
    (id_, source, key, kind, hashed, credential, received, recorded, effective, outcome, reverses, salt, detail) = (
        operation
    )
    recorded_text = clock.text(recorded)
    effective_text = recorded_text if effective == recorded else clock.text(effective)
    before = (
        f'{{"book":{quoted(book)},"credential":{quoted(credential)},"detail":"{detail.hex()}","effective_at":"{effective_text}"'
        ',"entries":['
    )
    after = (
        f'],"id":"{id_}","key":{quoted(key)},"kind":{quoted(kind)}'
        f',"message_hash":"{hashed.hex()}","outcome":{quoted(outcome)},"received_at":"{clock.text(received)}"'
        f',"recorded_at":"{recorded_text}","reverses":{"null" if reverses is None else f"{chr(34)}{reverses}{chr(34)}"}'
        f',"salt":"{salt.hex()}","source":"{source}","type":"operation","v":"1"}}'
    )
    return before, after


def detail_digest(salt: bytes, message: bytes, signature: str, request_id: str, traceparent: str) -> bytes:
    """Return the salted digest by which what is personal enters the leaf; a text that is not there is empty."""
    return hashlib.sha256(
        b"\0".join((salt + message, signature.encode(), request_id.encode(), traceparent.encode()))
    ).digest()


def header_leaf(header: BlockHeader) -> bytes:
    """Return the first leaf of a block."""
    document: dict[str, str | Sequence[object] | Mapping[str, str] | None] = {
        "book": header.book,
        "count": str(header.count),
        "from": str(header.from_id),
        "incarnation": str(header.incarnation),
        "incarnation_note": header.incarnation_note,
        "keys": list(header.keys),
        "number": str(header.number),
        "previous_root": header.previous_root.hex(),
        "previous_size": str(header.previous_size),
        "quarantined": [str(operation) for operation in header.quarantined],
        "sealed_at": Clock().text(header.sealed_at),
        "to": str(header.to_id),
        "totals": [_totals_document(totals) for totals in header.totals],
        "type": "block",
        "v": "1",
    }
    if header.archives:
        document |= {"archives": [dict(archive) for archive in header.archives], "v": "2"}
    return _canonical(document)


def _totals_document(totals: UnitTotals) -> dict[str, str]:
    return {
        "decrements": str(totals.decrements),
        "entries": str(totals.entries),
        "exponent": str(totals.exponent),
        "increments": str(totals.increments),
        "unit": totals.unit,
    }


def _canonical(document: Mapping[str, str | Sequence[object] | Mapping[str, str] | None]) -> bytes:
    """Names are ASCII, so sorting them by code point is sorting them by UTF-16 unit, which RFC 8785 asks for."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
