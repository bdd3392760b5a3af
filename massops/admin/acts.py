"""What a person does with a mass operation on its page; each act says what became of it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone

from ledger.admin.acts import require, source_of
from massops import deciding, lifecycle, reversal, uploads
from massops.admin.forms import MoveForm, OpenForm
from massops.lifecycle import Refused
from massops.models import MassOperation, State
from massops.rows.mapping import MappingError

ACTS = ("decide", "reverse", "pause", "resume", "cancel", "check", "open")


def attempt(request: HttpRequest, act: Callable[[], MassOperation]) -> MassOperation | None:
    """Do it, or say why not."""
    try:
        return act()
    except (Refused, MappingError) as error:
        messages.error(request, str(error))
        return None


def decide(request: HttpRequest, found: MassOperation, data: dict[str, Any]) -> None:
    """Decide in the person's name; above the thresholds a second person has to approve it."""
    decided = attempt(
        request,
        lambda: deciding.decide(
            mass_operation_id=found.id,
            source_id=source_of(request),
            decided_by=request.user.get_username(),
            mode=data["mode"],
            priority=data["priority"],
            rows=data["rows"],
            now=timezone.now(),
            effective_at=data["effective_at"],
            start_at=data["start_at"],
        ),
    )
    if decided is not None and decided.state == State.WAITING:
        messages.warning(request, "It waits for a second person: nobody approves what they asked for themselves.")


def reverse(request: HttpRequest, found: MassOperation) -> MassOperation | None:
    """Make the reversal in the person's name."""
    form = MoveForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    return attempt(
        request,
        lambda: reversal.reverse(
            mass_operation_id=found.id, source_id=source_of(request), credential="panel", reason=reason
        ),
    )


def move(request: HttpRequest, found: MassOperation, act: str) -> None:
    """Pause, resume, cancel, check again, or open unknown accounts."""
    source_id = source_of(request)
    who: dict[str, Any] = {"mass_operation_id": found.id, "source_id": source_id}
    if act in {"pause", "resume", "cancel"}:
        form = MoveForm(request.POST)
        reason = form.cleaned_data["reason"] if form.is_valid() else ""
        act_of: dict[str, Callable[..., MassOperation]] = {
            "pause": lifecycle.pause, "resume": lifecycle.resume, "cancel": lifecycle.cancel,
        }  # fmt: skip
        attempt(request, lambda: act_of[act](**who, reason=reason))
        return
    unit = ""
    if act == "open":
        require(request, "accounts.add_account")
        form_of_unit = OpenForm(request.POST)
        if not form_of_unit.is_valid():
            messages.error(request, "Choose the unit of the new accounts.")
            return
        unit = form_of_unit.cleaned_data["unit"].code
    attempt(request, lambda: uploads.check_again(**who, mapping=None, unit_to_open=unit, keep_mapping=True))
