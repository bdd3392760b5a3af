"""What a person does with a mass operation on its page; each act says what became of it."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone

from ledger.admin.acts import require, source_of
from massops import deciding, lifecycle, reversal, uploads
from massops.admin.forms import MoveForm, OpenForm
from massops.lifecycle import Refused
from massops.models import MassOperation, State
from massops.rows.mapping import MappingError

ACTS = ("decide", "resume", "check", "open")


class Reasoned(NamedTuple):
    """An act that is asked for with a reason, in a dialog or on a page of its own."""

    title: str
    lead: str
    button: str
    make: Callable[..., MassOperation]


REASONED = {
    "pause": Reasoned(
        "Pause",
        "Posting stops after the rows that are on their way. What is posted stays; it can go on later.",
        "Pause",
        lifecycle.pause,
    ),
    "cancel": Reasoned(
        "Cancel",
        "Nothing more of it is posted, for ever. What is posted stays and can be reversed.",
        "Cancel what is still to come",
        lifecycle.cancel,
    ),
    "reverse": Reasoned(
        "Reverse",
        "Makes a mass operation with the opposite of every posted row. It is checked and decided on like any other.",
        "Reverse all of it",
        partial(reversal.reverse, credential="panel"),
    ),
}


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


def with_reason(request: HttpRequest, found: MassOperation, act: Reasoned, form: MoveForm) -> MassOperation | None:
    """Do what a filled form asks for, in the person's name; None: the form says why not."""
    if not form.is_valid():
        return None
    try:
        return act.make(
            mass_operation_id=found.id, source_id=source_of(request), reason=form.cleaned_data["reason"].strip()
        )
    except (Refused, MappingError) as error:
        form.add_error(None, str(error))
        return None


def move(request: HttpRequest, found: MassOperation, act: str) -> None:
    """Go on, check again, or open unknown accounts."""
    source_id = source_of(request)
    who: dict[str, Any] = {"mass_operation_id": found.id, "source_id": source_id}
    if act == "resume":
        attempt(request, lambda: lifecycle.resume(**who, reason=""))
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
