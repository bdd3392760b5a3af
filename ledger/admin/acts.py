"""What a person may do in the panel, each act with a reason: the form, the sender, what became of it.

An act has an address. Opened by a link it is a page; asked for by htmx (dialog.js) the same view gives the same form for a
dialog on the page where the person is. A view reads the form, makes one call, and says what became of it. Nothing is edited:
each act is a new record in the person's name.
"""

import uuid
from datetime import UTC
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from ledger.admin import shown
from ledger.contracts import Sender
from ledger.limits import REASON_CHARACTERS_MAX
from security.approvals import Standing, State
from security.staff import source_of_staff


class ActForm(forms.Form):
    """A reason, when it counts, and a token that makes the form's act happen once, however often it is sent."""

    reason = forms.CharField(
        label="Reason",
        max_length=REASON_CHARACTERS_MAX,
        widget=forms.Textarea({"class": "pn-input", "rows": 2}),
        help_text="It stays with the record for ever and is read by whoever approves it.",
    )
    token = forms.UUIDField(widget=forms.HiddenInput)

    def clean_reason(self) -> str:
        """One or more words."""
        return str(self.cleaned_data["reason"]).strip()


class DatedActForm(ActForm):
    """With the moment from which the entries count, where that is not now."""

    effective_at = forms.DateTimeField(
        label="Effective at (UTC)",
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput({"type": "datetime-local", "class": "pn-input", "step": "1"}),
        help_text="Empty: now.",
    )
    field_order = ("effective_at", "reason", "token")

    @property
    def effective_text(self) -> str | None:
        """RFC 3339, as a message says it."""
        moment = self.cleaned_data["effective_at"]
        return None if moment is None else moment.replace(tzinfo=UTC).isoformat()


def fresh_token() -> dict[str, Any]:
    """The initial data of a form that was not sent yet."""
    return {"token": uuid.uuid4()}


def staff_sender(request: HttpRequest) -> Sender:
    """The person as a sender of messages."""
    return Sender(
        source_id=source_of(request),
        credential="panel",
        received_at=timezone.now(),
        request_id=getattr(request, "request_id", None),
    )


def source_of(request: HttpRequest) -> int:
    """The person's own source."""
    return source_of_staff(user_id=int(str(request.user.pk)), username=request.user.get_username())


def require(request: HttpRequest, permission: str) -> None:
    """Raise PermissionDenied for who may not do this."""
    if not request.user.has_perm(permission):
        raise PermissionDenied


def page(request: HttpRequest, *, site: Any, opts: Any, **context: Any) -> TemplateResponse:
    """An act as a page or, for htmx, as a dialog: what would happen, the form, and one button."""
    if "HX-Request" in request.headers:
        return TemplateResponse(request, "panel/_act.html", {"in_dialog": True, **context})
    return TemplateResponse(request, "panel/act.html", {**site.each_context(request), "opts": opts, **context})


def lead_to(request: HttpRequest, address: str) -> HttpResponse:
    """After an act: the browser goes on to another page, out of the dialog where there is one."""
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def tell(request: HttpRequest, standing: Standing, *, done: str, back: str) -> HttpResponse:
    """Say what became of an act, and lead to where it can be seen."""
    if standing.state is State.PENDING:
        messages.warning(request, "It waits for a second person: nobody approves what they asked for themselves.")
        return lead_to(request, reverse("admin:security_approval_change", args=[standing.approval_id]))
    if standing.state in {State.REFUSED, State.FAILED}:
        messages.error(request, str(standing.result.get("reason", "It was refused.")))
        return lead_to(request, back)
    messages.success(request, done)
    operation = standing.result.get("operation")
    return lead_to(request, shown.operation_url(int(operation)) if operation else back)
