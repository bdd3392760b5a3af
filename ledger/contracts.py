"""The shapes that cross the borders of the ledger, and the codes of its answers. Pure: nothing here knows Django.

None of these shapes can be part of a cycle, so the garbage collector need not follow them (`gc=False`): a batch makes
tens of thousands.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from security.rights import Rights

ACCEPTED = "accepted"
KEY_REUSED = "key_reused"


class Kind(StrEnum):
    """What a message asks for."""

    OPERATION = "operation"
    REVERSAL = "reversal"


class Priority(StrEnum):
    """The class of a message that waits in the inbox."""

    CRITICAL = "critical"
    NORMAL = "normal"
    BULK = "bulk"


class Refusal(StrEnum):
    """Why a well-formed message had no effect. A refusal is stored with its message and remembered by its key."""

    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_CLOSED = "account_closed"
    AMOUNT_SCALE = "amount_scale"
    UNIT_MISMATCH = "unit_mismatch"
    UNBALANCED = "unbalanced"
    TOO_MANY_ENTRIES = "too_many_entries"
    BELOW_FLOOR = "below_floor"
    FORBIDDEN_ACCOUNT = "forbidden_account"
    LIMIT_EXCEEDED = "limit_exceeded"
    ALREADY_REVERSED = "already_reversed"
    NOT_REVERSIBLE = "not_reversible"
    BATCH_REFUSED = "batch_refused"


REFUSAL_SENTENCES = {
    Refusal.ACCOUNT_UNKNOWN: "An entry names an account that does not exist in this book.",
    Refusal.ACCOUNT_FROZEN: "An entry names a frozen account; it takes neither increments nor decrements.",
    Refusal.ACCOUNT_CLOSED: "An entry names a closed account.",
    Refusal.AMOUNT_SCALE: "An amount has more decimals or digits than the unit of its account can hold.",
    Refusal.UNIT_MISMATCH: "An entry states another unit than its account has.",
    Refusal.UNBALANCED: "The entries of a group operation must add up to zero for each unit.",
    Refusal.TOO_MANY_ENTRIES: "An operation has at most 1,000 entries.",
    Refusal.BELOW_FLOOR: "The operation would take an account below its floor.",
    Refusal.FORBIDDEN_ACCOUNT: "The sender has no grant for what an entry does to its account.",
    Refusal.LIMIT_EXCEEDED: "An amount, or the sum of the day, is above what the sender's grant allows.",
    Refusal.ALREADY_REVERSED: "The operation was reversed before.",
    Refusal.NOT_REVERSIBLE: "A reversal or a refused operation cannot be reversed.",
    Refusal.BATCH_REFUSED: "Another operation of the batch was refused, and the batch asked for all or nothing.",
}
KEY_REUSED_SENTENCE = "The idempotency key was used before with another request."


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One entry as a client writes it: the amount is a signed decimal string in the account's unit."""

    account: str
    amount: str
    unit: str | None = None


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What a message says, decoded: entries for an operation, none for a reversal."""

    entries: tuple[Entry, ...] = ()
    effective_at: str | None = None
    description: str | None = None
    metadata: dict[str, str] | None = None


class Sender(msgspec.Struct, frozen=True, gc=False):
    """Who sent a request, when it was received, and where it came from, as far as that is known.

    `traceparent` is the caller's (W3C), `signature` the evidence of a signed request. `rights` are what the sender's grants
    allow, None where grants do not bind it.
    """

    source_id: int
    credential: str
    received_at: datetime
    request_id: str | None = None
    traceparent: str | None = None
    signature: str | None = None
    rights: Rights | None = None


class Message(msgspec.Struct, frozen=True, gc=False):
    """A request that asks for a change, exactly as received, with what was read from it.

    `message_hash` is SHA-256 over the kind and the canonical form (RFC 8785) of the content: the fingerprint of the request.
    `reverses` is the operation to reverse, for a reversal; `inbox_id` the inbox row that the message leaves when it is posted.
    `request_id`, `traceparent`, `signature` and `rights` are its sender's. `is_later`: it was taken on before (a row of a file),
    so what its sender may not know of is a refusal, not an error.
    """

    source_id: int
    credential: str
    key: str
    kind: Kind
    body: bytes
    message_hash: bytes
    received_at: datetime
    content: Content
    effective_at: datetime | None = None
    reverses: int | None = None
    inbox_id: int | None = None
    request_id: str | None = None
    traceparent: str | None = None
    signature: str | None = None
    rights: Rights | None = None
    is_later: bool = False


class KnownAccount(msgspec.Struct, frozen=True, gc=False):
    """What never changes about an account: its id, its unit and the unit's number of decimals."""

    id: int
    code: str
    unit: str
    exponent: int


class PostedEntry(msgspec.Struct, frozen=True, gc=False):
    """One entry of the ledger, in minor units."""

    id: int
    account: KnownAccount
    amount_minor: int


class Original(msgspec.Struct, frozen=True, gc=False):
    """The operation that a reversal names, as far as reversing it needs."""

    id: int
    source_id: int
    reversible: bool
    entries: tuple[PostedEntry, ...] = ()


class Spending(msgspec.Struct, frozen=True, gc=False):
    """What an operation takes of a grant's sum per day, and that sum, in minor units."""

    grant_id: int
    amount_minor: int
    day_max_minor: int


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A message converted: entries as (account, minor units) and what they take of sums per day, or the code that refuses it."""

    entries: tuple[tuple[KnownAccount, int], ...] = ()
    refusal: Refusal | None = None
    spendings: tuple[Spending, ...] = ()


class Macs(msgspec.Struct, frozen=True, gc=False):
    """The codes that prove who posted (ledger.sealing.mac), one for each draft, and the name of the key that made them."""

    codes: list[bytes]
    key: str


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What became of one message. `outcome` is `accepted`, a refusal code or `key_reused` (then nothing was stored).

    `operation_id` is the first operation of the key. `recorded_at` and `entries` are told where this call recorded it;
    a replay has them in the table.
    """

    operation_id: int
    outcome: str
    replayed: bool
    recorded_at: datetime | None = None
    entries: tuple[PostedEntry, ...] = ()
