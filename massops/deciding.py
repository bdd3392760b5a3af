"""The decision: which rows are posted, how and when. It binds to what the check showed, and to who may decide it."""

from datetime import datetime, timedelta

from ledger.limits import EFFECTIVE_AHEAD_MAX
from massops import lifecycle
from massops.lifecycle import Refused
from massops.limits import ALL_OR_NOTHING_ROWS_MAX, SCHEDULE_AHEAD_DAYS_MAX
from massops.models import MassOperation, Mode, State


def decide(
    *,
    mass_operation_id: int,
    source_id: int | None,
    decided_by: str,
    mode: str,
    priority: str,
    rows: int,
    now: datetime,
    effective_at: datetime | None = None,
    start_at: datetime | None = None,
) -> MassOperation:
    """Decide to post the good rows of a checked mass operation, now or at `start_at`. Raises lifecycle.Refused.

    `rows` is how many good rows the person saw: after another check the decision does not count. Mode `all` needs every
    row to be good, and fits into one transaction.
    """
    with lifecycle.locked(mass_operation_id=mass_operation_id, source_id=source_id, reason="decided") as found:
        lifecycle.require(found, State.CHECKED)
        _judge(found, mode, rows, now, effective_at, start_at)
        found.mode, found.priority, found.effective_at, found.start_at = mode, priority, effective_at, start_at
        found.decided_by, found.decided_at = decided_by, now
        found.state = State.POSTING if start_at is None or start_at <= now else State.SCHEDULED
        found.failures = 0
        found.save()
    return found


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
    if mode == Mode.ALL and rows > ALL_OR_NOTHING_ROWS_MAX:
        limit = ALL_OR_NOTHING_ROWS_MAX
        raise Refused("too_many_for_all", f"All or nothing is one transaction, of at most {limit} rows.")
    if effective_at is not None and effective_at > now + EFFECTIVE_AHEAD_MAX:
        raise Refused("effective_ahead", "The effective time is at most 24 hours ahead.")
    if start_at is not None and start_at > now + timedelta(days=SCHEDULE_AHEAD_DAYS_MAX):
        raise Refused("start_ahead", f"A start lies at most {SCHEDULE_AHEAD_DAYS_MAX} days ahead.")
