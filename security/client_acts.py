"""What may be done to a client on its page: give it a new secret, end the overlap of a rotation, revoke it.

A new secret is in the answer to the form that asked for it, and nowhere else: not in the session, a message, the history or an
address. Whoever sends the form again gets another one.
"""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant

from security.clients import ClientRefused, end_overlap, revoke_client, rotate_secret
from security.models import Client

OVERLAPS = {0: "None: the old secret and every token end now", 1: "1 hour", 24: "1 day", 168: "7 days", 744: "31 days"}


class RotationForm(forms.Form):
    """How long the old secret goes on; nothing is chosen beforehand."""

    overlap_hours = forms.TypedChoiceField(
        label="The old secret goes on for",
        choices=[("", "Choose"), *OVERLAPS.items()],
        coerce=int,
        widget=forms.Select({"class": "pn-input"}),
        help_text="None is for a secret that somebody else may have.",
    )


class ClientActs(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """The buttons on a client's page, and the page behind each."""

    actions_detail = ("rotate", "end_old_secret", "revoke_now")

    def has_manage_permission(self, request: HttpRequest, _object_id: str | None = None) -> bool:
        """Whoever may change clients, in general: whether this one still can be changed is known to the act."""
        return request.user.has_perm("security.change_client")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons that can do something: none for a revoked client, no end of an overlap where there is none."""
        client = self.get_object(request, str(object_id))
        if client is None or client.revoked_at is not None:
            return []
        found = super().get_actions_detail(request, object_id)
        return [one for one in found if one.path != "end-old-secret" or overlaps(client, timezone.now())]

    @action(description="New secret", url_path="rotate", permissions=["manage"])  # type: ignore[untyped-decorator]
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask how long the old secret goes on, then show the new one, once."""
        client, form = self._client(request, object_id), RotationForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            overlap, now = timedelta(hours=form.cleaned_data["overlap_hours"]), timezone.now()
            try:
                secret = rotate_secret(client_id=client.client_id, now=now, overlap=overlap)
            except ClientRefused as refusal:
                return self._leave(request, client, str(refusal), messages.ERROR)
            self.log_change(request, client, "Made a new secret.")
            told = f"The old secret is good until {now + overlap:%Y-%m-%d %H:%M} UTC."
            return self.secret_page(
                request, client, secret, told if overlap else "The old secret and its tokens ended."
            )
        lead = "The client gets a new secret, which the next page shows once. Rotating again ends an older overlap."
        return self._page(
            request, client, form, title=f"New secret for {client}", lead=lead, button="Make a new secret"
        )

    @action(description="End the old secret", url_path="end-old-secret", permissions=["manage"])  # type: ignore[untyped-decorator]
    def end_old_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the overlap of a rotation now."""
        client = self._client(request, object_id)
        if request.method == "POST":
            try:
                end_overlap(client_id=client.client_id)
            except ClientRefused as refusal:
                return self._leave(request, client, str(refusal), messages.ERROR)
            self.log_change(request, client, "Ended the old secret.")
            return self._leave(request, client, "The old secret ended.", messages.SUCCESS)
        lead = (
            "From now on only the new secret gets tokens. All tokens end; the client gets others with the new secret."
        )
        title = f"End the old secret of {client}"
        return self._page(request, client, forms.Form(), title=title, lead=lead, button="End the old secret")

    @action(  # type: ignore[untyped-decorator] # unfold has no types
        description="Revoke", url_path="revoke", permissions=["manage"], variant=ActionVariant.DANGER
    )
    def revoke_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the client for ever."""
        client = self._client(request, object_id)
        if request.method == "POST":
            try:
                revoke_client(client_id=client.client_id, now=timezone.now())
            except ClientRefused as refusal:
                return self._leave(request, client, str(refusal), messages.ERROR)
            self.log_change(request, client, "Revoked.")
            return self._leave(request, client, f"The client {client.client_id} is revoked.", messages.SUCCESS)
        lead = "The client ends for ever, with its tokens. What it sent stays, and so does its name."
        form = forms.Form()
        return self._page(request, client, form, title=f"Revoke {client}", lead=lead, button="Revoke", danger=True)

    def secret_page(self, request: HttpRequest, client: Client, secret: str, told: str) -> HttpResponse:
        """The answer that shows a secret: to be kept by nobody on the way, nor by the browser."""
        back = reverse("admin:security_client_change", args=[client.pk])
        context = {"client": client, "secret": secret, "told": told, "back": back, "title": f"The secret of {client}"}
        context |= {**self.admin_site.each_context(request), "opts": self.opts}
        response = TemplateResponse(request, "admin/security/client/secret.html", context)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "no-referrer"
        return response

    def _client(self, request: HttpRequest, object_id: str) -> Client:
        client: Client | None = self.get_object(request, object_id)
        if client is None:
            raise Http404
        return client

    def _leave(self, request: HttpRequest, client: Client, sentence: str, level: int) -> HttpResponse:
        self.message_user(request, sentence, level)
        return HttpResponseRedirect(reverse("admin:security_client_change", args=[client.pk]))

    def _page(self, request: HttpRequest, client: Client, form: forms.Form, **context: Any) -> HttpResponse:
        back = reverse("admin:security_client_change", args=[client.pk])
        context |= {**self.admin_site.each_context(request), "opts": self.opts, "form": form, "back": back}
        return TemplateResponse(request, "panel/act.html", context)


def overlaps(client: Client, now: datetime) -> bool:
    """Whether a client has an old secret that still gets tokens."""
    return client.previous_secret_until is not None and client.previous_secret_until > now
