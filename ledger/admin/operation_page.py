"""An operation's page: from the message and who sent it to the entries and what followed, on one screen; and the way back."""

import json
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from ledger import queries
from ledger.admin import shown
from ledger.admin.operations_page import entry_parts
from ledger.contracts import ACCEPTED, Kind
from ledger.models import Operation
from ledger.sealing import archives, evidence
from ledger.sealing.archive_file import ArchiveDamaged
from ledger.sealing.archives import ArchiveMissing
from ledger.sealing.evidence import SealState
from ledger.staff_acts import approval_of

POST = "ledger.add_operation"
_SEALS = {
    SealState.PENDING: (
        "plain",
        "It is sealed as soon as no older writer is under way: about a second after it was recorded.",
    ),
    SealState.SEALED: ("good", "It is a leaf of the chain; as the row stands, it makes the leaf that was sealed."),
    SealState.QUARANTINED: (
        "bad",
        "It carries no valid code of authenticity: it did not come through the service, and is no leaf.",
    ),
    SealState.CONTRADICTED: (
        "bad",
        "The row does not make the leaf that was sealed: it was changed below the service.",
    ),
}


def context(request: HttpRequest, operation: Operation) -> dict[str, Any]:
    """What the template shows. Costs a fixed number of queries; an operation has at most a thousand entries."""
    entries = queries.entries_of(book_id=operation.book_id, operation_ids=[operation.id])[operation.id]
    reversed_by = queries.reversal_of(book_id=operation.book_id, operation_id=operation.id)
    is_archived, away = operation.is_reduced, ""
    try:
        operation = archives.whole(operation=operation)
        seal = _seal(operation)
    except (ArchiveMissing, ArchiveDamaged) as error:
        away, seal = (
            str(error),
            {"state": shown.badge("archived", "warn"), "sentence": "Its place is known from the archive."},
        )
    body = bytes(operation.message).decode("utf-8", "replace")
    approval = approval_of(operation.credential)
    return {
        "title": f"Operation {operation.id}",
        "operation": operation,
        "outcome": shown.outcome_badge(operation.outcome),
        "sentence": shown.outcome_sentence(operation.outcome),
        "received": shown.moment(operation.received_at),
        "recorded": shown.moment(operation.recorded_at),
        "effective": shown.moment(operation.effective_at),
        "entries": [entry_parts(entry) for entry in entries],
        "accounts": len({entry.account.id for entry in entries}),
        "reverses": _link(operation.reverses),
        "corrects": _link(_corrected(operation)),
        "reversed_by": _link(reversed_by),
        "approval": reverse("admin:security_approval_change", args=[approval]) if approval else None,
        "metadata": sorted((operation.metadata or {}).items()),
        "raw": body,
        "pretty": _pretty(body),
        "message_hash": bytes(operation.message_hash).hex(),
        "bytes": len(operation.message),
        "mac": bytes(operation.mac).hex() if operation.mac else "",
        "seal": seal,
        "is_archived": is_archived,
        "away": away,
        "acts": _acts(request, operation, reversed_by),
    }


def _acts(request: HttpRequest, operation: Operation, reversed_by: int | None) -> list[dict[str, str]]:
    """The buttons that this person has on this page."""
    if operation.outcome != ACCEPTED or not request.user.has_perm(POST):
        return []
    acts = [{"label": "Correct", "url": reverse("admin:ledger_operation_correct", args=[operation.id])}]
    if operation.kind == Kind.OPERATION and reversed_by is None:
        acts.append({"label": "Reverse", "url": reverse("admin:ledger_operation_reverse", args=[operation.id])})
    return acts


def _seal(operation: Operation) -> dict[str, Any]:
    """Where the operation stands in the chain of its book, in words."""
    position = evidence.position(book=operation.book, operation_id=operation.id)
    tone, sentence = _SEALS[position.state]
    return {
        "state": shown.badge(position.state, tone),
        "sentence": sentence,
        "block": position.block,
        "leaf": position.index,
    }


def _link(operation_id: int | None) -> Any:
    return None if operation_id is None else shown.operation_link(operation_id)


def _corrected(operation: Operation) -> int | None:
    """The operation that a correction names; anybody may write the word, so it is only a link."""
    text = (operation.metadata or {}).get("corrects", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(queries.ID_MAX)) else None


def _pretty(body: str) -> str:
    """The message with one member a line; what is no JSON (an empty body) as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
