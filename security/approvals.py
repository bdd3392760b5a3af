"""The two-person rule: what one person asks for takes effect when a second person approves it.

How to use it, from an app above this one:

1. `register(kind=..., label=..., handler=...)` in the app's `ready()`. The handler makes the change and returns what is worth
   keeping (ids as text). It gets an `Approved` and MUST be idempotent by `Approved.idempotency_key`: after a crash it is called
   again with the same key. A posting takes it as its idempotency key, with `requested_by` as its source; then its effect is
   exactly once, whatever happens. A handler that cannot do it (the account was closed meanwhile) raises `EffectRefused` with a
   sentence: that is recorded as what became of it, and it is not tried again. Long work only starts in a handler.
2. `request_approval(...)` wherever a person or a client asks. Below the threshold the handler runs at once and the answer is
   `done` or `refused`; above it the answer is `pending`. One path for both, so small acts leave the same record. A request that
   nobody decides within settings.APPROVAL_DAYS has expired.
3. `standing(approval_id=...)` tells later what became of it.

Promises: nobody decides on their own request (I30); a decision, and the effect, happen and are recorded once, also under double
clicks and crashes (I31): who records the decision runs the handler, and `due` (from beat) finds those whose process crashed or
whose handler failed, for another attempt. After APPROVAL_ATTEMPTS_LIMIT failures the approval has `failed`, with the last reason.
Must never be called inside a transaction: the decision must be durable before its effect begins.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from appendonly.sqlfiles import read_sql
from metrics.repository import observed
from security.access import record
from security.access_models import AccessEvent
from security.approval_models import Approval
from security.limits import (
    APPROVAL_ATTEMPTS_LIMIT,
    APPROVAL_FAILURE_CHARS_LIMIT,
    APPROVAL_REASON_CHARS_LIMIT,
    APPROVALS_APPLIED_LIMIT,
    APPROVALS_LATE_SECONDS,
)

logger = logging.getLogger(__name__)


class State(StrEnum):
    """Where an approval stands. `approved` is the moment between the decision and its effect."""

    PENDING = "pending"
    EXPIRED = "expired"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    APPROVED = "approved"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Decision(StrEnum):
    """What a person can decide: another's request is approved or rejected, one's own is withdrawn."""

    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an approval stands; `result` is what the handler returned, or {"reason": sentence} if it was refused or failed."""

    approval_id: int
    state: State
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Approved:
    """What a handler gets. `requested_by` and `decided_by` are sources; `decided_by` is None below the threshold."""

    approval_id: int
    kind: str
    payload: Mapping[str, Any]
    requested_by: int
    decided_by: int | None
    reason: str

    @property
    def idempotency_key(self) -> str:
        """The same at each repetition; unique among the keys of the source who asked."""
        return f"approval:{self.approval_id}"


Handler = Callable[[Approved], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of act that may need approval."""

    label: str
    handler: Handler


class EffectRefused(Exception):  # noqa: N818 - an answer, not a defect
    """Raised by a handler: it cannot be done; the text says why, to people."""


class DecisionRefused(Exception):  # noqa: N818 - an answer, not a defect
    """The decision was not recorded; `code` and the message say why."""

    def __init__(self, code: str) -> None:
        super().__init__(SENTENCES[code])
        self.code = code


SENTENCES = {
    "unknown": "There is no such approval.",
    "own": "Nobody approves or rejects what they asked for themselves.",
    "not_own": "Only who asked for it can withdraw it.",
    "not_staff": "Only a member of staff decides.",
    "decided": "It was decided already.",
    "expired": "It was asked for too long ago; whoever still wants it asks again.",
    "reason": f"Give a reason, of at most {APPROVAL_REASON_CHARS_LIMIT} characters.",
}
KINDS: dict[str, Kind] = {}

_REQUEST = "SELECT o_id, o_needed FROM public.security_request_approval_v1(%s::text, %s::text, %s::jsonb, %s::jsonb, %s::bigint)"
_DECIDE = "SELECT public.security_decide_approval_v2(%s::bigint, %s::bigint, %s::text, %s::text, %s::interval)"
_ATTEMPT = "SELECT public.security_record_attempt_v1(%s::bigint, %s::text)"
_RECORD = "SELECT public.security_record_effect_v1(%s::bigint, %s::text, %s::jsonb)"
_LATE = read_sql("security/sql/read/late_approvals.sql")


def register(*, kind: str, label: str, handler: Handler) -> None:
    """Name the handler of a kind; called once for each kind when the apps are ready."""
    KINDS[kind] = Kind(label=label, handler=handler)


@observed(repository="approvals")
def request_approval(
    *,
    kind: str,
    payload: Mapping[str, Any],
    summary: str,
    requested_by: int,
    amounts: Mapping[str, int | None] | None = None,
) -> Standing:
    """Store what the source `requested_by` asks for; it takes effect now where no approval is needed.

    `summary` says in words, with amounts in their unit, what would happen: it is what the second person reads. `payload` is
    what the handler needs, as JSON. `amounts` are minor units by unit, compared with the thresholds; leave it out for an act
    without an amount; an amount of None is any amount, and above every threshold. Raises KeyError for a kind that nobody
    registered.
    """
    if kind not in KINDS:  # a request that nobody can fulfil must not be stored
        raise KeyError(kind)
    as_text = {unit: None if minor is None else str(minor) for unit, minor in (amounts or {}).items()}
    approval_id, needed = _call(_REQUEST, (kind, summary, Jsonb(dict(payload)), Jsonb(as_text), requested_by))
    if needed:
        record(event=AccessEvent.APPROVAL, what=f"asked for approval {approval_id}: {summary}")
        return Standing(approval_id, State.PENDING, {})
    return apply(approval_id=approval_id)


@observed(repository="approvals", expected=(DecisionRefused,))
def decide(*, approval_id: int, by: int, decision: Decision, reason: str) -> Standing:
    """Record the decision of the source `by`; an approval takes effect before this returns. Raises DecisionRefused."""
    reason = reason.strip()
    if not reason or len(reason) > APPROVAL_REASON_CHARS_LIMIT:
        raise DecisionRefused("reason")
    (problem,) = _call(_DECIDE, (approval_id, by, str(decision), reason, _open_for()))
    if problem is not None:
        raise DecisionRefused(problem)
    record(event=AccessEvent.APPROVAL, what=f"{decision} approval {approval_id}: {reason}")
    return apply(approval_id=approval_id) if decision is Decision.APPROVED else standing(approval_id=approval_id)


@observed(repository="approvals")
def apply(*, approval_id: int) -> Standing:
    """Run the handler of an approval that was given, unless its effect is recorded; safe to repeat after any failure.

    A failure of the handler is recorded and raised again; the last one that is allowed is the effect.
    """
    approval = _approval(approval_id)
    now = _standing(approval)
    if now.state is not State.APPROVED:
        return now
    try:
        outcome, result = State.DONE, KINDS[approval.kind].handler(_approved(approval))
    except EffectRefused as refusal:
        outcome, result = State.REFUSED, {"reason": str(refusal)}
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".replace("\x00", "")[:APPROVAL_FAILURE_CHARS_LIMIT]
        (failures,) = _call(_ATTEMPT, (approval_id, reason))
        if failures < APPROVAL_ATTEMPTS_LIMIT:
            raise
        logger.exception("Approval %s failed %s times and is not tried again.", approval_id, failures)
        outcome, result = State.FAILED, {"reason": reason}
    _call(_RECORD, (approval_id, str(outcome), Jsonb(dict(result))))
    return standing(approval_id=approval_id)


@observed(repository="approvals")
def standing(*, approval_id: int) -> Standing:
    """Return where an approval stands. Raises Approval.DoesNotExist."""
    return _standing(_approval(approval_id))


def state_of(approval: Approval) -> State:
    """Return the state of a record that was read with its decision and its effect."""
    if hasattr(approval, "effect"):
        return State(approval.effect.outcome)
    if not hasattr(approval, "decision"):
        return State.EXPIRED if approval.requested_at < open_since(now=timezone.now()) else State.PENDING
    return {"rejected": State.REJECTED, "withdrawn": State.WITHDRAWN}.get(approval.decision.decision, State.APPROVED)


@observed(repository="approvals")
def due(*, now: datetime) -> list[int]:
    """Return approvals that were given and have no effect though it is time for a first or another attempt."""
    limits = {"late_seconds": APPROVALS_LATE_SECONDS, "rows_limit": APPROVALS_APPLIED_LIMIT}
    with connection.cursor() as cursor:
        cursor.execute(_LATE, {"now": now, **limits})
        return [approval_id for (approval_id,) in cursor.fetchall()]


def open_since(*, now: datetime) -> datetime:
    """Return since when requests can still be decided (settings.APPROVAL_DAYS)."""
    return now - _open_for()


def _open_for() -> timedelta:
    return timedelta(days=settings.APPROVAL_DAYS)


def _approval(approval_id: int) -> Approval:
    approval: Approval = Approval.objects.select_related("decision", "effect").get(id=approval_id)
    return approval


def _standing(approval: Approval) -> Standing:
    return Standing(approval.id, state_of(approval), approval.effect.result if hasattr(approval, "effect") else {})


def _approved(approval: Approval) -> Approved:
    return Approved(
        approval_id=approval.id,
        kind=approval.kind,
        payload=approval.payload,
        requested_by=approval.requested_by_id,
        decided_by=approval.decision.decided_by_id,
        reason=approval.decision.reason,
    )


def _call(statement: str, parameters: tuple[Any, ...]) -> tuple[Any, ...]:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
