"""Reads of mass operations: one, a page of them, and one as a document that programs and pages show."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts.money import format_amount
from accounts.queries import units_by_code
from massops.models import Kind, MassOperation, State
from metrics.repository import observed


@observed(repository="mass_operations", expected=(MassOperation.DoesNotExist,))
def mass_operation_of(*, book_id: int, source_id: int, mass_operation_id: int) -> MassOperation:
    """Return a source's own mass operation. Raises MassOperation.DoesNotExist, also for another's."""
    return _with_file().get(id=mass_operation_id, book_id=book_id, source_id=source_id)


@observed(repository="mass_operations")
def mass_operations_page(
    *, book_id: int, source_id: int, state: str | None, beyond: int | None, ascending: bool, rows: int
) -> list[MassOperation]:
    """Return one page of a source's mass operations, by id, beyond one in the given direction."""
    found = _with_file().filter(book_id=book_id, source_id=source_id)
    if state is not None:
        found = found.filter(state=state)
    if beyond is not None:
        found = found.filter(id__gt=beyond) if ascending else found.filter(id__lt=beyond)
    return list(found.order_by("id" if ascending else "-id")[:rows])


def document_of(found: MassOperation) -> dict[str, Any]:
    """Return a mass operation as a JSON document: what it is, what the check found, what was decided, how far it is."""
    file = found.file
    return {
        "id": str(found.id),
        "kind": found.kind,
        "name": found.name,
        "state": found.state,
        "asked": found.wish or None,
        "failure": found.failure or None,
        "reverses": str(found.reverses_id) if found.reverses_id else None,
        "file": file and {"sha256": bytes(file.sha256).hex(), "size_bytes": file.size_bytes},
        "mapping": found.mapping_name or None,
        "keys": "own" if found.kind == Kind.FILE and found.own_keys else "fresh",
        "created_at": _time(found.created_at),
        "state_at": _time(found.state_at),
        "check": _check(found),
        "decision": _decision(found),
        "progress": _progress(found),
    }


def _with_file() -> "QuerySet[MassOperation]":
    return MassOperation.objects.select_related("file", "book")


def _check(found: MassOperation) -> dict[str, Any] | None:
    if found.state in {State.UPLOADED, State.CHECKING} and not found.rows_read:
        return None
    summary: Mapping[str, Any] = found.summary
    return {
        "rows_read": found.rows_read,
        "rows_good": found.rows_good,
        "rows_bad": found.rows_bad,
        "readable": found.is_readable,
        "checked_at": found.checked_at and _time(found.checked_at),
        "units": summary.get("units", []),
        "accounts": summary.get("accounts", 0),
        "unknown": summary.get("unknown", 0),
        "unknown_accounts": summary.get("unknown_accounts", []),
        "below_floor": summary.get("below_floor", []),
        "errors": summary.get("errors", {}),
        "notices": summary.get("notices", []),
    }


def _decision(found: MassOperation) -> dict[str, Any] | None:
    if found.decided_at is None:
        return None
    return {
        "mode": found.mode,
        "priority": found.priority,
        "effective_at": found.effective_at and _time(found.effective_at),
        "start_at": found.start_at and _time(found.start_at),
        "decided_by": found.decided_by,
        "decided_at": _time(found.decided_at),
        "approval": str(found.approval_id) if found.approval_id else None,
    }


def _progress(found: MassOperation) -> dict[str, Any] | None:
    if found.decided_at is None:
        return None
    units = units_by_code(codes=set(found.sums_posted))
    left = found.rows_read - found.cursor
    moving = found.state == State.POSTING and found.rows_per_second > 0
    return {
        "row": found.cursor,
        "rows": found.rows_read,
        "share": round(found.cursor / found.rows_read, 4) if found.rows_read else 0,
        "posted": found.rows_posted,
        "refused": found.rows_refused,
        "refusals": found.refusals,
        "sums": {unit: format_amount(int(minor), units[unit].exponent) for unit, minor in found.sums_posted.items()},
        "seconds": round(found.posting_seconds, 1),
        "rows_per_second": round(found.rows_per_second),
        "seconds_left": round(left / found.rows_per_second) if moving else None,
    }


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
