"""What a member of staff may do to the ledger: post a correction, reverse an operation, change a floor.

Each is a message or a change of their own, with a reason; it passes the two-person rule (security.approvals) and then the one
door like everybody's. The key of a posting is the token of the form it came from, so a form sent twice, or approved twice, is
one operation. Freezing, opening again and closing move no money and cannot wait for a second person; they are made at once by
ledger.account_changes.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from accounts.models import Account
from accounts.money import format_amount
from ledger import pipeline, queries
from ledger.account_changes import ChangeRefused, change_account
from ledger.contracts import ACCEPTED, KEY_REUSED_SENTENCE, REFUSAL_SENTENCES, Draft, Kind, Message, Refusal, Sender
from ledger.conversion import convert
from ledger.limits import SUMMARY_ENTRIES_MAX
from ledger.messages import read_operation, read_reversal
from ledger.models import Operation
from security.approvals import Approved, EffectRefused, Standing, register, request_approval
from security.grants import rights_of_sources

CORRECTION, REVERSAL, FLOOR = "correction", "reversal", "floor"
_CREDENTIAL = "panel, approval "


class ActRefused(Exception):  # noqa: N818 - an answer, not a defect
    """The act cannot be asked for; the text says why, to the person who asked."""


def ask_correction(
    *,
    book_id: int,
    entries: Sequence[tuple[str, str]],
    reason: str,
    corrects: int | None,
    effective_at: str | None,
    token: str,
    sender: Sender,
) -> Standing:
    """Ask for an operation of (account code, amount) entries, zero for each unit. Raises ActRefused, messages.Malformed."""
    metadata = {"corrects": str(corrects)} if corrects is not None else {}
    body = _body(
        {"entries": [{"account": code, "amount": amount} for code, amount in entries]}, reason, effective_at, metadata
    )
    message = read_operation(body=body, key=_key(token), sender=sender)
    draft = _draft(book_id, message)
    if len(entries) < 2:  # noqa: PLR2004 - a correction moves something from somewhere
        raise ActRefused("A correction has two entries or more, so that it adds up to zero.")
    return _ask(CORRECTION, book_id, message, draft, f"Correct: {_told(draft)}. {reason}", {})


def ask_reversal(
    *, operation: Operation, reason: str, effective_at: str | None, token: str, sender: Sender
) -> Standing:
    """Ask for the reversal of an operation. Raises ActRefused, messages.Malformed."""
    body = _body({}, reason, effective_at, {})
    message = read_reversal(body=body, key=_key(token), reverses=operation.id, sender=sender)
    draft = _draft(operation.book_id, message)
    if queries.reversal_of(book_id=operation.book_id, operation_id=operation.id) is not None:
        raise ActRefused(REFUSAL_SENTENCES[Refusal.ALREADY_REVERSED])
    summary = f"Reverse operation {operation.id}: {_told(draft)}. {reason}"
    return _ask(REVERSAL, operation.book_id, message, draft, summary, {"reverses": operation.id})


def ask_floor(*, account: Account, floor_minor: int | None, reason: str, source_id: int) -> Standing:
    """Ask for another floor (minor units, None for none). Its amount is what it lets the account lose more than before."""
    unit, before = account.unit, None if account.floor is None else int(account.floor)
    change = f"{_floor(account, before)} to {_floor(account, floor_minor)}"
    # Without a floor the account may lose anything: no threshold but "never" lets that pass.
    lowered = None if floor_minor is None else max((before or 0) - floor_minor, 0)
    return request_approval(
        kind=FLOOR,
        payload={
            "book": account.book_id,
            "account": account.code,
            "floor": None if floor_minor is None else str(floor_minor),
            "reason": reason,
        },
        summary=f"Change the floor of {account.code} from {change}. {reason}",
        requested_by=source_id,
        amounts=None if lowered is None else {unit.code: lowered},
    )


def register_acts() -> None:
    """Name the handlers of the acts; called when the apps are ready."""
    register(kind=CORRECTION, label="Correction", handler=_post)
    register(kind=REVERSAL, label="Reversal", handler=_post)
    register(kind=FLOOR, label="Change of a floor", handler=_change_floor)


def approval_of(credential: str) -> int | None:
    """Return the approval that a posting's credential names, where it came from here."""
    number = credential.removeprefix(_CREDENTIAL)
    return int(number) if number != credential and number.isascii() and number.isdecimal() else None


def _ask(kind: str, book_id: int, message: Message, draft: Draft, summary: str, more: Mapping[str, Any]) -> Standing:
    payload = {
        "book": book_id,
        "key": message.key,
        "body": message.body.decode(),
        "asked_at": message.received_at.isoformat(),
        "request_id": message.request_id,
        **more,
    }
    return request_approval(
        kind=kind, payload=payload, summary=summary, requested_by=message.source_id, amounts=_moved(draft)
    )


def _post(approved: Approved) -> Mapping[str, Any]:
    """Post what was approved. The key is the form's, so a repetition of any kind is a replay."""
    told = approved.payload
    sender = Sender(
        source_id=approved.requested_by,
        credential=f"{_CREDENTIAL}{approved.approval_id}",
        received_at=datetime.fromisoformat(told["asked_at"]),
        request_id=told["request_id"],
        rights=rights_of_sources(source_ids={approved.requested_by})[approved.requested_by],
    )
    body = told["body"].encode()
    if approved.kind == REVERSAL:
        message = read_reversal(body=body, key=told["key"], reverses=told["reverses"], sender=sender)
    else:
        message = read_operation(body=body, key=told["key"], sender=sender)
    try:
        receipt = pipeline.accept(book_id=told["book"], messages=[message])[0]
    except queries.OperationUnknown as unknown:  # whom grants bind may not know of what they do not reach
        raise EffectRefused("The grants of the person who asked do not reach this operation.") from unknown
    if receipt.outcome != ACCEPTED:
        sentence = (
            REFUSAL_SENTENCES[Refusal(receipt.outcome)] if receipt.outcome in list(Refusal) else KEY_REUSED_SENTENCE
        )
        raise EffectRefused(f"{sentence} (operation {receipt.operation_id})")
    return {"operation": str(receipt.operation_id)}


def _change_floor(approved: Approved) -> Mapping[str, Any]:
    told = approved.payload
    account = Account.objects.select_related("unit", "book").get(book_id=told["book"], code=told["account"])
    floor = None if told["floor"] is None else int(told["floor"])
    try:
        change_account(
            account=account, source_id=approved.requested_by, reason=told["reason"], changes={"floor": floor}
        )
    except ChangeRefused as refusal:
        raise EffectRefused(str(refusal)) from refusal
    return {"account": account.code}


def _draft(book_id: int, message: Message) -> Draft:
    """What the message would become; refused here where that is certain, so that nobody approves in vain. Raises ActRefused."""
    known = queries.known_accounts(book_id=book_id, messages=[message])
    originals = queries.originals(book_id=book_id, ids=[] if message.reverses is None else [message.reverses])
    if message.kind is Kind.OPERATION:
        for entry in message.content.entries:
            if entry.account not in known:
                raise ActRefused(f"There is no account {entry.account} in this book.")
    draft = convert(message, known, originals)
    if draft.refusal is not None:
        raise ActRefused(REFUSAL_SENTENCES[draft.refusal])
    return draft


def _body(content: dict[str, Any], reason: str, effective_at: str | None, metadata: dict[str, str]) -> bytes:
    content["description"] = reason
    if effective_at is not None:
        content["effective_at"] = effective_at
    if metadata:
        content["metadata"] = metadata
    return msgspec.json.encode(content)


def _key(token: str) -> str:
    return f"panel:{token}"


def _moved(draft: Draft) -> dict[str, int]:
    """How much moves, by unit: the sum of the increments or of the decrements, whichever is more."""
    gained: defaultdict[str, int] = defaultdict(int)
    lost: defaultdict[str, int] = defaultdict(int)
    for account, amount in draft.entries:
        (gained if amount > 0 else lost)[account.unit] += abs(amount)
    return {unit: max(gained[unit], lost[unit]) for unit in {*gained, *lost}}


def _told(draft: Draft) -> str:
    parts = [
        f"{account.code} {format_amount(amount, account.exponent)} {account.unit}" for account, amount in draft.entries
    ]
    more = len(parts) - SUMMARY_ENTRIES_MAX
    return ", ".join(parts[:SUMMARY_ENTRIES_MAX]) + (f" and {more} more entries" if more > 0 else "")


def _floor(account: Account, minor: int | None) -> str:
    return "none" if minor is None else f"{format_amount(minor, account.unit.exponent)} {account.unit.code}"
