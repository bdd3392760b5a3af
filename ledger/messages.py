"""Messages: from the bytes of a request to a Message. Judges a request by itself alone, never by the ledger's state.

What is found here is malformed: answered 400 with a pointer to each place, stored nowhere, and the key stays free.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import rfc8785

from accounts.limits import (
    CODE_CHARACTERS_MAX,
    METADATA_KEY_CHARACTERS_MAX,
    METADATA_KEYS_MAX,
    METADATA_VALUE_CHARACTERS_MAX,
)
from accounts.money import AmountError, check_amount
from ledger.contracts import Content, Entry, Kind, Message, Sender
from ledger.limits import (
    BATCH_OPERATIONS_MAX,
    DESCRIPTION_CHARACTERS_MAX,
    EFFECTIVE_AHEAD_MAX,
    ERRORS_TOLD_MAX,
    KEY_CHARACTERS_MAX,
)


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a request: where (an RFC 6901 pointer, or `header:NAME`), a code and a sentence."""

    pointer: str
    code: str
    detail: str


class Malformed(ValueError):  # noqa: N818 - the word of the contract
    """The request cannot be read; `problems` says where and why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0].detail)
        self.problems = problems[:ERRORS_TOLD_MAX]


class _MemberTwice(ValueError):  # noqa: N818 - an answer, not a defect
    """An object has two members of one name."""


class _KeyedContent(Content, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One operation of a batch: content with its key."""

    key: str


class _StoredContent(Content, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A stored message: one of a batch still has its key in it."""

    key: str | None = None


class _Said(msgspec.Struct):
    """What of a stored message is in no column."""

    description: str | None = None


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    operations: list[msgspec.Raw]
    mode: str | msgspec.UnsetType = msgspec.UNSET


_content_decoder = msgspec.json.Decoder(Content)
_keyed_decoder = msgspec.json.Decoder(_KeyedContent)
_stored_decoder = msgspec.json.Decoder(_StoredContent)
_said_decoder = msgspec.json.Decoder(_Said)
_batch_decoder = msgspec.json.Decoder(_Batch)
_encoder = msgspec.json.Encoder()
_ascii_encoder = msgspec.json.Encoder(order="sorted")
_timestamp = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
).fullmatch
_unstorable = re.compile("[\0\ud800-\udfff]").search
_path_in_error = re.compile(r" - at `\$(?P<path>.*)`$")
_step = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")


def read_operation(*, body: bytes, key: str | None, sender: Sender) -> Message:
    """Return the message of POST /operations. Raises Malformed."""
    problems = list(_key_problems(key, "header:Idempotency-Key"))
    content = _decode(_content_decoder, body, "", problems)
    if content is not None:
        problems += _content_problems(content, Kind.OPERATION, "", sender.received_at)
    if problems or content is None or key is None:
        raise Malformed(problems)
    return _message(Kind.OPERATION, key, body, content, sender)


def read_reversal(*, body: bytes, key: str | None, reverses: int, sender: Sender) -> Message:
    """Return the message of POST /operations/ID/reversal; an empty body means "now, without words". Raises Malformed."""
    problems = list(_key_problems(key, "header:Idempotency-Key"))
    content = _decode(_content_decoder, body or b"{}", "", problems)
    if content is not None:
        problems += _content_problems(content, Kind.REVERSAL, "", sender.received_at)
    if problems or content is None or key is None:
        raise Malformed(problems)
    return _message(Kind.REVERSAL, key, body, content, sender, reverses=reverses)


def read_batch(*, body: bytes, sender: Sender) -> tuple[list[Message], bool]:
    """Return the messages of POST /batches in order, and whether all or nothing is meant. Raises Malformed."""
    problems: list[Problem] = []
    batch = _decode(_batch_decoder, body, "", problems)
    if batch is None:
        raise Malformed(problems)
    if batch.mode not in {"each", "all", msgspec.UNSET}:
        problems.append(Problem("/mode", "invalid", 'mode is "each" or "all".'))
    if not 1 <= len(batch.operations) <= BATCH_OPERATIONS_MAX:
        problems.append(Problem("/operations", "size", f"A batch has 1 to {BATCH_OPERATIONS_MAX} operations."))
        raise Malformed(problems)
    messages = []
    for index, raw in enumerate(batch.operations):
        pointer = f"/operations/{index}"
        item = _decode(_keyed_decoder, raw, pointer, problems)
        if item is None:
            continue
        found = [
            *_key_problems(item.key, f"{pointer}/key"),
            *_content_problems(item, Kind.OPERATION, pointer, sender.received_at),
        ]
        problems += found
        if not found:
            messages.append(_message(Kind.OPERATION, item.key, bytes(raw), item, sender))
    if problems:
        raise Malformed(problems)
    return messages, batch.mode == "all"


def reread(*, kind: Kind, body: bytes, key: str, reverses: int | None, sender: Sender, inbox_id: int) -> Message:
    """Return a message from where it was stored; it was found well-formed when it was received."""
    content = _stored_decoder.decode(body or b"{}")
    return _message(kind, key, body, content, sender, reverses=reverses, inbox_id=inbox_id)


def description_of(message: bytes) -> str | None:
    """Return the description in a stored message; of one that was never read here (put in by SQL) its beginning as it is."""
    if not message:
        return None
    try:
        return _said_decoder.decode(message).description
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = message.decode("utf-8", "replace")[:DESCRIPTION_CHARACTERS_MAX]
        return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def read_time(text: str, pointer: str) -> datetime:
    """Return an RFC 3339 time with its offset as UTC. Raises Malformed; a leap second has no place on our clock."""
    if _timestamp(text):
        try:
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # a form without a meaning: February 30th, month 13, year 0
    raise Malformed(
        [Problem(pointer, "invalid_time", "A time is RFC 3339 with an offset, such as 2024-02-29T12:30:00Z.")]
    )


def is_storable(text: str) -> bool:
    """Whether text can be stored and echoed exactly: PostgreSQL holds no NUL, UTF-8 no lone surrogate."""
    return not _unstorable(text)


def floor_problems(text: str, pointer: str) -> list[Problem]:
    """Return what is wrong with a floor: it is an amount that may be zero."""
    try:
        check_amount(text.replace("0", "1"))  # the same form, and not zero
    except AmountError as error:
        return [Problem(pointer, "invalid_amount", str(error))]
    return []


def metadata_problems(metadata: dict[str, str], pointer: str) -> Iterator[Problem]:
    """Yield what is wrong with metadata: flat text to text, a few dozen short members."""
    if len(metadata) > METADATA_KEYS_MAX:
        yield Problem(pointer, "size", f"Metadata has at most {METADATA_KEYS_MAX} members.")
    for name, value in metadata.items():
        here = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        if not (0 < len(name) <= METADATA_KEY_CHARACTERS_MAX and is_storable(name)):
            limit = METADATA_KEY_CHARACTERS_MAX
            yield Problem(here, "invalid", f"A metadata name has 1 to {limit} characters, none of them NUL.")
        if len(value) > METADATA_VALUE_CHARACTERS_MAX or not is_storable(value):
            limit = METADATA_VALUE_CHARACTERS_MAX
            yield Problem(here, "invalid", f"A metadata value has at most {limit} characters, none of them NUL.")


def decode(decoder: Any, data: bytes | msgspec.Raw, pointer: str = "") -> Any:
    """Decode JSON into the decoder's struct. Raises Malformed with the place of what does not fit."""
    problems: list[Problem] = []
    value = _decode(decoder, data, pointer, problems)
    if problems:
        raise Malformed(problems)
    return value


def _decode(decoder: Any, data: bytes | msgspec.Raw, pointer: str, problems: list[Problem]) -> Any:
    try:
        value = decoder.decode(data)
        _check_members(bytes(data), value)
    except msgspec.ValidationError as error:
        message, path = str(error), ""
        if match := _path_in_error.search(message):
            message, path = message[: match.start()], match["path"]
        if path.endswith("amount") and "`str`" in message:
            message += ': an amount is a string, such as "12.34", so that no digit is lost'
        steps = "".join(f"/{name or index or '-'}" for name, index in _step.findall(path))
        problems.append(Problem(pointer + steps, "invalid", f"{message}."))
    except _MemberTwice as error:
        problems.append(Problem(pointer, "duplicate_member", str(error)))
    except (msgspec.DecodeError, RecursionError) as error:
        problems.append(Problem(pointer, "invalid_json", f"The body is not JSON: {error}."))
    except UnicodeDecodeError:
        problems.append(Problem(pointer, "invalid_json", "The body is not JSON: it is not UTF-8."))
    else:
        return value
    return None


def _check_members(data: bytes, value: Any) -> None:
    """Raise _MemberTwice where an object has a member twice: the last would win in silence, and of two amounts neither is sure.

    Each name and each text has two quotes, so what was decoded has fewer of them, written again, where a member was lost.
    Only then, or where a quote itself is written as a number, the names are looked at one by one, at twenty times the cost.
    """
    if rb"\u0022" in data or data.count(b'"') != _encoder.encode(value).count(b'"'):
        json.loads(data, object_pairs_hook=_check_names)


def _check_names(members: list[tuple[str, Any]]) -> None:
    names = set()
    for name, _ in members:
        if name in names:
            raise _MemberTwice(f"The member {name[:METADATA_KEY_CHARACTERS_MAX]!r} is given twice.")
        names.add(name)


def _key_problems(key: str | None, pointer: str) -> Iterator[Problem]:
    if key is None:
        yield Problem(pointer, "required", "An idempotency key is required: a text that names this request for ever.")
    elif not 1 <= len(key) <= KEY_CHARACTERS_MAX:
        yield Problem(pointer, "size", f"A key has 1 to {KEY_CHARACTERS_MAX} characters, in a header of ASCII.")
    elif not key.isprintable():
        yield Problem(pointer, "invalid", "A key has printable characters only.")


def _content_problems(content: Content, kind: Kind, pointer: str, received_at: datetime) -> list[Problem]:
    problems: list[Problem] = []
    if kind is Kind.REVERSAL and content.entries:
        problems.append(Problem(f"{pointer}/entries", "invalid", "A reversal has the original's entries, no others."))
    if kind is Kind.OPERATION and not content.entries:
        problems.append(Problem(f"{pointer}/entries", "required", "An operation has at least one entry."))
    for index, entry in enumerate(content.entries):
        problems += _entry_problems(entry, f"{pointer}/entries/{index}")
    if content.effective_at is not None:
        problems += _effective_problems(content.effective_at, f"{pointer}/effective_at", received_at)
    description = content.description or ""
    if len(description) > DESCRIPTION_CHARACTERS_MAX or not is_storable(description):
        detail = f"A description has at most {DESCRIPTION_CHARACTERS_MAX} characters, none of them NUL."
        problems.append(Problem(f"{pointer}/description", "invalid", detail))
    if content.metadata is not None:
        problems += metadata_problems(content.metadata, f"{pointer}/metadata")
    return problems


def _entry_problems(entry: Entry, pointer: str) -> list[Problem]:
    problems = []
    try:
        check_amount(entry.amount)
    except AmountError as error:
        problems.append(Problem(f"{pointer}/amount", "invalid_amount", str(error)))
    if not 0 < len(entry.account) <= CODE_CHARACTERS_MAX or not entry.account.isprintable():
        problems.append(Problem(f"{pointer}/account", "invalid", "This is not an account code."))
    return problems


def _effective_problems(text: str, pointer: str, received_at: datetime) -> list[Problem]:
    try:
        if read_time(text, pointer) <= received_at + EFFECTIVE_AHEAD_MAX:
            return []
    except Malformed as error:
        return error.problems
    return [Problem(pointer, "too_far_ahead", "effective_at is at most 24 hours ahead.")]


def _message(
    kind: Kind,
    key: str,
    body: bytes,
    content: Content,
    sender: Sender,
    *,
    reverses: int | None = None,
    inbox_id: int | None = None,
) -> Message:
    return Message(
        source_id=sender.source_id,
        credential=sender.credential,
        key=key,
        kind=kind,
        body=body,
        message_hash=fingerprint(kind, content, reverses),
        received_at=sender.received_at,
        content=content,
        effective_at=read_time(content.effective_at, "") if content.effective_at else None,
        reverses=reverses,
        inbox_id=inbox_id,
        request_id=sender.request_id,
        traceparent=sender.traceparent,
        signature=sender.signature,
        rights=sender.rights,
    )


def fingerprint(kind: Kind, content: Content, reverses: int | None) -> bytes:
    """Return SHA-256 over the kind, what it refers to, and the canonical form (RFC 8785) of the content without its key."""
    canonical = _canonical(content)
    return hashlib.sha256(f"{kind}:{reverses or ''}\n".encode() + canonical).digest()


def _canonical(content: Content) -> bytes:
    """The canonical JSON of the content. RFC 8785 sorts names by UTF-16 units, which for ASCII names is plain sorting."""
    plain: dict[str, Any] = {"entries": content.entries}
    if content.effective_at is not None:
        plain["effective_at"] = content.effective_at
    if content.description is not None:
        plain["description"] = content.description
    if content.metadata is not None:
        plain["metadata"] = content.metadata
        if not all(map(str.isascii, content.metadata)):
            return rfc8785.dumps(msgspec.to_builtins(plain))
    return _ascii_encoder.encode(plain)


__all__ = [
    "Content",
    "Entry",
    "Malformed",
    "Problem",
    "description_of",
    "read_batch",
    "read_operation",
    "read_reversal",
    "read_time",
]
