"""What a client does with its mass operation: check again, decide, pause, resume, cancel, reverse."""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from ledger.api.requests import body_of
from ledger.contracts import Priority
from ledger.messages import Malformed, Problem, decode, is_storable, read_time
from massops import deciding, lifecycle, reversal, uploads
from massops.api.mass_operations import MassView
from massops.api.schema import calls as declared
from massops.limits import REASON_CHARACTERS_MAX
from massops.models import MassOperation, Mode
from massops.rows.mapping import Mapping

_ORDER = (Priority.CRITICAL, Priority.NORMAL, Priority.BULK)


class _Check(msgspec.Struct, forbid_unknown_fields=True):
    mapping: str | Mapping | msgspec.UnsetType | None = msgspec.UNSET
    keys: str = "own"
    open_unit: str = ""


class _Decision(msgspec.Struct, forbid_unknown_fields=True):
    mode: str
    rows: int
    priority: str = "bulk"
    effective_at: str | None = None
    start_at: str | None = None


class _Reason(msgspec.Struct, forbid_unknown_fields=True):
    reason: str = ""


_check, _decision, _reason = (msgspec.json.Decoder(kind) for kind in (_Check, _Decision, _Reason))


class PriorityForbidden(PermissionDenied):
    """The client may not use this class."""

    default_code = "priority_forbidden"
    default_detail = "This client may not use so high a priority."


class CheckView(MassView):
    """`/mass-operations/ID/check`: check again, with another mapping, or after opening unknown accounts."""

    required_scopes: ClassVar = {"POST": "mass:write"}

    @declared.check_again
    def post(self, request: Request, *, mass_operation: str, **_path: str) -> HttpResponse:
        """Check again; 202."""
        asked: _Check = decode(_check, body_of(request) or b"{}")
        _one_of("keys", asked.keys, ("own", "fresh"))
        if asked.open_unit and "accounts:write" not in self.credential.scopes:
            raise PermissionDenied("Opening accounts needs the scope accounts:write.", code="insufficient_scope")
        name, mapping = "", None
        if isinstance(asked.mapping, str):
            name, mapping = asked.mapping, uploads.saved_mapping(name=asked.mapping)
        elif isinstance(asked.mapping, Mapping):
            mapping = asked.mapping
        found = uploads.check_again(
            mass_operation_id=self.found(mass_operation).id,
            source_id=self.credential.source_id,
            mapping=mapping,
            mapping_name=name,
            own_keys=asked.keys == "own",
            unit_to_open=asked.open_unit[:32],
            keep_mapping=asked.mapping is msgspec.UNSET,
        )
        return self.told(found, status=202)


class DecisionView(MassView):
    """`/mass-operations/ID/decision`: post the good rows."""

    required_scopes: ClassVar = {"POST": "mass:write"}

    @declared.decide
    def post(self, request: Request, *, mass_operation: str, **_path: str) -> HttpResponse:
        """Decide; 202."""
        asked: _Decision = decode(_decision, body_of(request))
        _one_of("mode", asked.mode, Mode.values)
        _one_of("priority", asked.priority, list(Priority))
        if _ORDER.index(Priority(asked.priority)) < _ORDER.index(Priority(self.credential.highest_priority)):
            raise PriorityForbidden
        found = deciding.decide(
            mass_operation_id=self.found(mass_operation).id,
            source_id=self.credential.source_id,
            decided_by=self.credential.client_id,
            mode=asked.mode,
            priority=asked.priority,
            rows=asked.rows,
            now=self.received_at,
            effective_at=read_time(asked.effective_at, "/effective_at") if asked.effective_at else None,
            start_at=read_time(asked.start_at, "/start_at") if asked.start_at else None,
        )
        return self.told(found, status=202)


class _MoveView(MassView):
    required_scopes: ClassVar = {"POST": "mass:write"}

    def move(self, request: Request, mass_operation: str, act: Callable[..., MassOperation]) -> HttpResponse:
        """Do one act for the reason that the body may give; 202."""
        asked: _Reason = decode(_reason, body_of(request) or b"{}")
        if len(asked.reason) > REASON_CHARACTERS_MAX or not is_storable(asked.reason):
            detail = f"A reason has at most {REASON_CHARACTERS_MAX} characters, none of them NUL."
            raise Malformed([Problem("/reason", "invalid", detail)])
        found = act(
            mass_operation_id=self.found(mass_operation).id, source_id=self.credential.source_id, reason=asked.reason
        )
        return self.told(found, status=202)


class PauseView(_MoveView):
    """`/mass-operations/ID/pause`."""

    @declared.pause
    def post(self, request: Request, *, mass_operation: str, **_path: str) -> HttpResponse:
        """Pause between two batches."""
        return self.move(request, mass_operation, lifecycle.pause)


class ResumeView(_MoveView):
    """`/mass-operations/ID/resume`."""

    @declared.resume
    def post(self, request: Request, *, mass_operation: str, **_path: str) -> HttpResponse:
        """Go on."""
        return self.move(request, mass_operation, lifecycle.resume)


class CancelView(_MoveView):
    """`/mass-operations/ID/cancel`."""

    @declared.cancel
    def post(self, request: Request, *, mass_operation: str, **_path: str) -> HttpResponse:
        """Cancel what is still to come."""
        return self.move(request, mass_operation, lifecycle.cancel)


class ReversalView(_MoveView):
    """`/mass-operations/ID/reversal`."""

    @declared.reverse
    def post(self, request: Request, *, mass_operation: str, **_path: str) -> HttpResponse:
        """Make the reversal, which is checked and then waits for its decision."""
        credential = str(self.credential.token_id)

        def act(*, mass_operation_id: int, source_id: int, reason: str) -> MassOperation:
            return reversal.reverse(
                mass_operation_id=mass_operation_id, source_id=source_id, credential=credential, reason=reason
            )

        return self.move(request, mass_operation, act)


def _one_of(name: str, value: str, allowed: Any) -> None:
    if value not in allowed:
        raise Malformed([Problem(f"/{name}", "invalid", f"{name} is one of {', '.join(allowed)}.")])
