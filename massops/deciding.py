"""The decision: which rows are posted, how and when. It binds to what the check showed, and to who may decide it.

It passes the two-person rule (security.approvals): below the thresholds it takes effect at once, above them when a second
person approves it. Until then the mass operation waits, and may still be cancelled.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.queries import units_by_code
from ledger.limits import EFFECTIVE_AHEAD_MAX
from massops import lifecycle
from massops.lifecycle import Refused
from massops.limits import ALL_OR_NOTHING_LOCKS_SHARE, ALL_OR_NOTHING_ROWS_MAX, SCHEDULE_AHEAD_DAYS_MAX
from massops.models import MassOperation, Mode, State
from security import approvals
from security.models import Source

# What people decide needs a second person unless a threshold says otherwise. What clients decide is theirs, unless somebody
# sets a threshold: the first migration says "never".
APPROVAL_KIND = "massops.post"
APPROVAL_KIND_OF_CLIENTS = "massops.post_by_client"
# How many locks the server has room for, all sessions together.
_LOCKS = """
    SELECT current_setting('max_locks_per_transaction')::bigint
         * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint)
"""
# A decision that never reached the approvals (its process died in between) is taken back after so long.
UNASKED_SECONDS_MAX = 60


def decide(
    *,
    mass_operation_id: int,
    source_id: int,
    decided_by: str,
    mode: str,
    priority: str,
    rows: int,
    now: datetime,
    effective_at: datetime | None = None,
    start_at: datetime | None = None,
) -> MassOperation:
    """Decide to post the good rows of a checked mass operation, now or at `start_at`. Raises lifecycle.Refused.

    Where a second person has to approve it, it is `waiting` afterwards.

    `rows` is how many good rows the person saw: after another check the decision does not count. Mode `all` needs every
    row to be good, and fits into one transaction.
    """
    with lifecycle.locked(mass_operation_id=mass_operation_id, source_id=source_id, reason="decided") as found:
        lifecycle.require(found, State.CHECKED)
        _judge(found, mode, rows, now, effective_at, start_at)
        found.mode, found.priority, found.effective_at, found.start_at = mode, priority, effective_at, start_at
        found.decided_by, found.decided_at = decided_by, now
        found.state, found.approval_id, found.failures = State.WAITING, None, 0
        found.save()
    standing = approvals.request_approval(
        kind=APPROVAL_KIND_OF_CLIENTS if found.source.kind == Source.Kind.CLIENT else APPROVAL_KIND,
        payload={"mass_operation": found.id, "decided_at": now.isoformat()},
        summary=summary_of(found),
        requested_by=source_id,
        amounts=_amounts(found),
    )
    MassOperation.objects.filter(id=found.id, approval_id=None).update(approval_id=standing.approval_id)
    return MassOperation.objects.select_related("file", "reverses").get(id=found.id)


def begin(approved: approvals.Approved) -> Mapping[str, Any]:
    """Let an approved decision take effect; safe to repeat. The handler of the approvals."""
    mass_operation_id = int(approved.payload["mass_operation"])
    reason = f"approval {approved.approval_id}" if approved.decided_by is not None else "decided"
    with lifecycle.locked(
        mass_operation_id=mass_operation_id, source_id=approved.decided_by or approved.requested_by, reason=reason
    ) as found:
        is_meant = found.decided_at is not None and found.decided_at.isoformat() == approved.payload["decided_at"]
        if is_meant and found.state == State.WAITING:
            due = found.start_at is None or found.start_at <= timezone.now()
            found.state = State.POSTING if due else State.SCHEDULED
            found.approval_id = approved.approval_id
            found.save()
        elif not (is_meant and found.approval_id == approved.approval_id and found.state != State.CANCELLED):
            raise approvals.EffectRefused("The mass operation was cancelled, or checked anew, meanwhile.")
    return {"mass_operation": str(mass_operation_id)}


def take_back(*, now: datetime) -> int:
    """Bring mass operations back to the check whose decision was rejected or withdrawn, expired or failed; return how many."""
    returned = 0
    for found in MassOperation.objects.filter(state=State.WAITING):
        late = found.state_at < now - timedelta(seconds=UNASKED_SECONDS_MAX)
        if found.approval_id is None:
            reason = "never asked" if late else ""
        else:
            standing = approvals.standing(approval_id=found.approval_id).state
            goes_on = {approvals.State.PENDING, approvals.State.APPROVED, approvals.State.DONE}
            reason = f"approval {found.approval_id} {standing}" if standing not in goes_on else ""
        if reason:
            returned += 1
            with lifecycle.locked(mass_operation_id=found.id, source_id=None, reason=reason) as fresh:
                if fresh.state == State.WAITING:
                    fresh.state = State.CHECKED
                    fresh.save()
    return returned


def too_much_for_all(*, rows: int, locks: int) -> Refused | None:
    """Return what forbids posting so many rows, which hold so many locks, in one transaction; None where nothing does."""
    if rows > ALL_OR_NOTHING_ROWS_MAX:
        limit = f"{ALL_OR_NOTHING_ROWS_MAX:,}"
        sentence = (
            f"All or nothing is one transaction, of at most {limit} rows; post each row by itself, or split the file."
        )
        return Refused("too_many_for_all", sentence)
    if locks and locks > (room := _locks_for_all()):
        sentence = (
            f"All or nothing would hold {locks:,} locks, one for each account with a floor that loses and each operation"
            f" that is reversed; this server has room for {room:,}. Post each row by itself, split the file, or raise"
            " max_locks_per_transaction."
        )
        return Refused("too_many_locks_for_all", sentence)
    return None


def _locks_for_all() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_LOCKS)
        return int(cursor.fetchone()[0] * ALL_OR_NOTHING_LOCKS_SHARE)


def summary_of(found: MassOperation) -> str:
    """Say in words what would be posted: what a second person reads."""
    sums = ", ".join(f"{unit['unit']} {unit['sum']} in {unit['rows']} rows" for unit in found.summary["units"])
    return f"Mass operation {found.id} ({found.name}): {sums}; mode {found.mode}."


def _amounts(found: MassOperation) -> dict[str, int]:
    """What moves, by unit, in minor units: the larger of what is added and what is taken."""
    units = units_by_code(codes={unit["unit"] for unit in found.summary["units"]})
    return {
        unit["unit"]: int(
            max(Decimal(unit["increments"]), -Decimal(unit["decrements"])).scaleb(units[unit["unit"]].exponent)
        )
        for unit in found.summary["units"]
    }


def _judge(
    found: MassOperation, mode: str, rows: int, now: datetime, effective_at: datetime | None, start_at: datetime | None
) -> None:
    if not found.is_readable:
        raise Refused("unreadable", "The file could not be read to its end; mend it or its mapping, and check again.")
    if rows != found.rows_good:
        raise Refused("rows_differ", f"There are {found.rows_good} good rows, and the decision says {rows}.")
    if not rows:
        raise Refused("no_rows", "There is no good row to post.")
    if mode == Mode.ALL and found.rows_bad:
        raise Refused("rows_bad", f"All or nothing: {found.rows_bad} rows have errors.")
    if mode == Mode.ALL and (too_much := too_much_for_all(rows=rows, locks=found.summary.get("locks", 0))) is not None:
        raise too_much
    if effective_at is not None and effective_at > now + EFFECTIVE_AHEAD_MAX:
        raise Refused("effective_ahead", "The effective time is at most 24 hours ahead.")
    if start_at is not None and start_at > now + timedelta(days=SCHEDULE_AHEAD_DAYS_MAX):
        raise Refused("start_ahead", f"A start lies at most {SCHEDULE_AHEAD_DAYS_MAX} days ahead.")
