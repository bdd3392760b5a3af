"""Acknowledgements of quarantined operations: who looked into one, and what it is. They hide nothing.

Verification goes on telling of the operation, as acknowledged, and finds it again when its record is another than it was then.

Each carries a code made with a key that the database does not have: whoever writes an operation into the tables cannot also
acknowledge it there.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import Book
from ledger.models import SealAcknowledgement, SealQuarantine
from ledger.posting import execute
from ledger.sealing import mac, tree
from ledger.sealing.archive_file import ArchiveDamaged
from ledger.sealing.archives import ArchiveMissing, leaf_anywhere
from ledger.sealing.findings import Code, Finding
from metrics.repository import observed
from security.access import record
from security.access_models import AccessEvent

_ACKNOWLEDGE = (
    "SELECT public.ledger_acknowledge_v1(%b::int, %b::bigint, %b::bytea, %b::text, %b::text, %b::bytea, %b::text)"
)
# What verification says of an operation because it did not come through the service; all of it is acknowledged at once.
_CONSEQUENCES = {Code.QUARANTINED, Code.KEY_FAULT, Code.ENTRY_STRAY}


class AcknowledgementRefused(Exception):  # noqa: N818 - an answer, not a defect
    """The operation cannot be acknowledged; the text says why."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What somebody said of a quarantined operation."""

    operation_id: int
    who: str
    reason: str
    acknowledged_at: datetime


@observed(repository="seals", expected=(AcknowledgementRefused,))
def acknowledge(*, book: Book, operation_id: int, who: str, reason: str) -> None:
    """Acknowledge a quarantined operation as its record is now, in the access record as well. Raises AcknowledgementRefused.

    `who` is a name as the access record has it, such as `staff:NAME`.
    """
    if not reason.strip():
        raise AcknowledgementRefused("An acknowledgement needs a reason; it stays for ever.")
    if not SealQuarantine.objects.filter(book_id=book.id, operation_id=operation_id).exists():
        raise AcknowledgementRefused(f"Operation {operation_id} is not quarantined in book {book.name}.")
    try:
        leaf = leaf_anywhere(book=book, operation_id=operation_id)
    except (ArchiveMissing, ArchiveDamaged) as error:
        raise AcknowledgementRefused(str(error)) from error
    if leaf is None:
        raise AcknowledgementRefused(f"Operation {operation_id} is not there any more.")
    hashed = tree.leaf_hash(leaf)
    key = mac.signing_key()
    code = key.of_message(_covered(book.id, operation_id, hashed, who, reason))
    with transaction.atomic():
        if not execute(_ACKNOWLEDGE, (book.id, operation_id, hashed, who, reason, code, key.name))[0]:
            raise AcknowledgementRefused(f"Operation {operation_id} is acknowledged already.")
        what = f"quarantined operation {operation_id} of book {book.name} acknowledged: {reason}"
        record(event=AccessEvent.ADMINISTRATION, what=what, code="acknowledged", who=who)


@observed(repository="seals")
def settled(*, book: Book) -> tuple[dict[int, Acknowledged], list[Finding]]:
    """Return the acknowledgements of a book that hold, by operation, and what is wrong with others."""
    found: dict[int, Acknowledged] = {}
    wrong: list[Finding] = []
    hashes: dict[int, bytes | None] = {}
    for row in SealAcknowledgement.objects.filter(book_id=book.id).order_by("acknowledged_at", "operation_id"):
        if not _is_genuine(row):
            detail = "Its acknowledgement carries no valid code: it did not come through this service."
            wrong.append(Finding(Code.CODE_INVALID, detail, book.name, None, row.operation_id))
            continue
        if row.operation_id not in hashes:
            try:
                leaf = leaf_anywhere(book=book, operation_id=row.operation_id)
            except (ArchiveMissing, ArchiveDamaged):  # told by the check of archives; what it is, nobody can say then
                continue
            hashes[row.operation_id] = None if leaf is None else tree.leaf_hash(leaf)
        if hashes[row.operation_id] == bytes(row.leaf_hash):
            found[row.operation_id] = Acknowledged(row.operation_id, row.who, row.reason, row.acknowledged_at)
    changed = hashes.keys() - found.keys()
    wrong += [
        Finding(Code.ROW_CHANGED, "The record is not what was acknowledged.", book.name, None, operation_id)
        for operation_id in sorted(changed)
    ]
    return found, wrong


def covers(acknowledged: Mapping[int, Acknowledged], finding: Finding) -> bool:
    """Whether a finding says no more than that an acknowledged operation did not come through the service."""
    return finding.code in _CONSEQUENCES and finding.operation in acknowledged


def _is_genuine(row: SealAcknowledgement) -> bool:
    key = mac.keys().get(row.mac_key)
    covered = _covered(row.book_id, row.operation_id, bytes(row.leaf_hash), row.who, row.reason)
    return key is not None and hmac.compare_digest(key.of_message(covered), bytes(row.mac))


def _covered(book_id: int, operation_id: int, leaf_hash: bytes, who: str, reason: str) -> bytes:
    """What the code covers. It begins unlike what the code of an operation covers, which begins with the number of a book."""
    return "\0".join(("acknowledgement", str(book_id), str(operation_id), leaf_hash.hex(), who, reason)).encode()
