"""The life of a mass operation: who may move it where, the lease of the worker that has it, and what people ask of that worker.

The arrows themselves are held by the database (sql/mass_operation.sql). While rows are being posted, a person does not move it:
they leave a wish (pause, cancel), and the worker carries it out between two batches, when it knows exactly what has been done.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from appendonly.sqlfiles import read_sql
from massops.limits import LEASE_SECONDS
from massops.models import MassOperation, State
from metrics.repository import observed

PAUSE, CANCEL = "pause", "cancel"
_CLAIM = read_sql("massops/sql/claim.sql")
_RENEW = """
    UPDATE massops_massoperation SET lease_until = clock_timestamp() + make_interval(secs => %s)
    WHERE id = %s AND lease_owner = %s RETURNING state, wish
"""
_RELEASE = """
    UPDATE massops_massoperation SET lease_owner = NULL, lease_until = clock_timestamp() WHERE id = %s AND lease_owner = %s
"""


class Refused(Exception):  # noqa: N818 - an answer, not a defect
    """The mass operation is not in a state for this; `code` for programs."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class LeaseLost(Exception):  # noqa: N818 - an answer, not a defect
    """Another worker has the mass operation, so this one must stop without writing."""


@contextmanager
def locked(
    *, mass_operation_id: int, source_id: int | None, reason: str, owner: uuid.UUID | None = None
) -> Iterator[MassOperation]:
    """Give the mass operation, locked, in a transaction that records who moves it and why; the caller saves it.

    Raises MassOperation.DoesNotExist, and LeaseLost where `owner` has lost its lease.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('billing.source_id', %s, true), set_config('billing.reason', %s, true)",
                (str(source_id or ""), reason),
            )
        found = MassOperation.objects.select_for_update(of=("self",)).select_related("file").get(id=mass_operation_id)
        if owner is not None and found.lease_owner != owner:
            raise LeaseLost
        yield found


def require(mass_operation: MassOperation, *states: str) -> None:
    """Raise Refused unless the mass operation is in one of the states."""
    if mass_operation.state not in states:
        wanted = " or ".join(states)
        raise Refused("state", f"The mass operation is {mass_operation.state}; this needs it to be {wanted}.")


@observed(repository="mass_operations", expected=(Refused,))
def pause(*, mass_operation_id: int, source_id: int | None, reason: str) -> MassOperation:
    """Ask to pause posting; the worker does it after its batch. Raises Refused."""
    return _wish(PAUSE, mass_operation_id, source_id, reason)


@observed(repository="mass_operations", expected=(Refused,))
def resume(*, mass_operation_id: int, source_id: int | None, reason: str) -> MassOperation:
    """Go on where a paused mass operation stopped. Raises Refused."""
    with locked(mass_operation_id=mass_operation_id, source_id=source_id, reason=reason) as found:
        if found.state == State.POSTING and found.wish == PAUSE:
            found.wish = ""
        else:
            require(found, State.PAUSED)
            found.state, found.failures, found.failure = State.POSTING, 0, ""
        found.save()
    return found


@observed(repository="mass_operations", expected=(Refused,))
def cancel(*, mass_operation_id: int, source_id: int | None, reason: str) -> MassOperation:
    """Cancel: at once before posting; else the worker does it after its batch, and says how far it came. Raises Refused."""
    with locked(mass_operation_id=mass_operation_id, source_id=source_id, reason=reason) as found:
        if found.state in {State.POSTING, State.PAUSED}:
            found.wish, found.wish_source_id, found.wish_reason = CANCEL, source_id, reason
        else:
            require(found, State.UPLOADED, State.CHECKING, State.CHECKED, State.WAITING, State.SCHEDULED)
            found.state, found.lease_owner = State.CANCELLED, None
        found.save()
    return found


def _wish(wish: str, mass_operation_id: int, source_id: int | None, reason: str) -> MassOperation:
    with locked(mass_operation_id=mass_operation_id, source_id=source_id, reason=reason) as found:
        require(found, State.POSTING)
        found.wish, found.wish_source_id, found.wish_reason = wish, source_id, reason
        found.save()
    return found


# --- The worker's side --------------------------------------------------------------------------------------------


@observed(repository="mass_operations")
def claim(*, owner: uuid.UUID) -> int | None:
    """Take the next mass operation that has work; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"owner": owner, "lease": LEASE_SECONDS})
        row = cursor.fetchone()
    return None if row is None else int(row[0])


@observed(repository="mass_operations", expected=(LeaseLost,))
def renew(*, mass_operation_id: int, owner: uuid.UUID, seconds: float | None = None) -> tuple[str, str]:
    """Keep the lease for so long (else LEASE_SECONDS); return the state and what was asked meanwhile. Raises LeaseLost."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, (LEASE_SECONDS if seconds is None else seconds, mass_operation_id, owner))
        row = cursor.fetchone()
    if row is None:
        raise LeaseLost
    return row[0], row[1]


def end_limit() -> None:
    """Give statements the time again that the settings allow."""
    with connection.cursor() as cursor:
        cursor.execute("RESET statement_timeout")


@observed(repository="mass_operations")
def release(*, mass_operation_id: int, owner: uuid.UUID) -> None:
    """Give the lease back, so that the next ring of the bell may take it at once."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, (mass_operation_id, owner))


def limit_statements(*, seconds: float) -> None:
    """Let no statement of this worker outlive the lease that it works under."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", (str(round(seconds * 1000)),))


@observed(repository="mass_operations")
def create(**fields: Any) -> MassOperation:
    """Write a new mass operation; the trigger records who made it."""
    now = timezone.now()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('billing.source_id', %s, true), set_config('billing.reason', %s, true)",
                (str(fields["source_id"]), ""),
            )
        return MassOperation.objects.create(created_at=now, state_at=now, **fields)
