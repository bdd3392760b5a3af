"""The administration's site: who gets in, and everybody's own page "Your access" (second factor, sessions).

A person with an authenticator is let in with a code of it only. Where a second factor is required, a person without one is led to
its set-up after the first log-in and sees nothing else before; the set-up of a first one begins with a code that an administrator
gave (security.enrolment), where the setting ENROLMENT_CODE says so.
"""

import base64
from typing import Any

from django import forms
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django_otp import login as remember_device
from qrcode import QRCode
from qrcode.image.svg import SvgPathImage
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite
from unfold.widgets import UnfoldAdminTextInputWidget

from security import enrolment, second_factor
from security.access import record_failure
from security.access_models import AccessEvent
from security.networks import address_text
from security.second_factor import CodeRefused
from security.sessions import ORIGIN, digest_of, end_sessions
from security.staff_models import StaffSession

# Where a session notes that it has shown an enrolment code: as its digest.
ENROLMENT = "_enrolment"
CODE_WIDGET = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}


class LoginForm(AuthenticationForm):  # type: ignore[misc] # unfold has no types
    """Name, password, and the code where the person has an authenticator. What was wrong is not told."""

    code = forms.CharField(
        label="Code",
        required=False,
        max_length=40,
        help_text="Of your authenticator app, or a recovery code; empty if you have none.",
        widget=UnfoldAdminTextInputWidget(attrs=CODE_WIDGET),
    )
    error_messages = {  # noqa: RUF012 - the way of Django
        **AuthenticationForm.error_messages,
        "invalid_login": "Name, password and code do not fit together, or the account may not log in here.",
    }

    def clean(self) -> dict[str, Any]:
        """Check the password, then the code. A wrong code counts as a failed log-in."""
        cleaned: dict[str, Any] = super().clean()
        user = self.get_user()
        if user is not None and second_factor.has_authenticator(user_id=user.pk):
            try:
                code = cleaned.get("code", "")
                user.otp_device = second_factor.verify(user_id=user.pk, code=code, now=timezone.now())
            except CodeRefused as refusal:
                user_login_failed.send(
                    sender=__name__, credentials={"username": user.get_username()}, request=self.request
                )
                raise self.get_invalid_login_error() from refusal
        return cleaned


class CodeForm(forms.Form):
    """One code, to show that one has the authenticator."""

    code = forms.CharField(label="Code", max_length=40, widget=UnfoldAdminTextInputWidget(attrs=CODE_WIDGET))


class EnrolmentForm(forms.Form):
    """The code that an administrator gave."""

    enrolment_code = forms.CharField(
        label="Enrolment code", max_length=40, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    )


class StaffSite(UnfoldAdminSite):  # type: ignore[misc] # unfold has no types
    """Unfold's site with a second factor and a page about one's own access."""

    login_form = LoginForm
    login_template = "admin/staff_login.html"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.login_form = LoginForm
        # What is deleted is deleted one by one, and so recorded: Django logs many at once without telling.
        self.disable_action("delete_selected")

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff, with the second factor where they have one or must have one."""
        return bool(super().has_permission(request)) and (_is_verified(request) or not _needs_code(request))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Log in; a person who must set up a second factor first is led there."""
        if _may_set_up(request) and not self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:own_access"))
        response: HttpResponse = super().login(request, extra_context)
        if request.method == "POST" and request.user.is_authenticated:
            address, browser = address_text(request), request.META.get("HTTP_USER_AGENT", "")
            request.session[ORIGIN] = (address, browser, timezone.now().isoformat())
        return response

    def get_urls(self) -> list[URLPattern]:
        """With the pages of one's own access, which a person without a second factor may see."""
        own = [
            path("access/", self.own_access, name="own_access"),
            path("access/sessions/end/", self.end_own_sessions, name="end_own_sessions"),
        ]
        return [*own, *super().get_urls()]

    def own_access(self, request: HttpRequest) -> HttpResponse:
        """Show one's second factor and sessions; a code sets up the authenticator, or makes new recovery codes."""
        if not (self.has_permission(request) or _may_set_up(request)):
            return HttpResponseRedirect(reverse("admin:login"))
        user = request.user
        user_id = _person(request)
        if enrolment.is_needed(user_id=user_id) and not _has_shown_code(request):
            return self._enrolment_page(request)
        form = CodeForm(request.POST or None)
        codes: list[str] = []
        wants_new = "new" in request.GET or not second_factor.has_authenticator(user_id=user_id)
        if request.method == "POST" and form.is_valid():
            try:
                codes = _take_code(request, form.cleaned_data["code"], wants_new=wants_new)
                wants_new = False
            except CodeRefused as refusal:
                form.add_error("code", str(refusal))
        context = {
            **self.each_context(request),
            "title": "Your access",
            "form": form,
            "codes": codes,
            "codes_left": second_factor.recovery_codes_left(user_id=user_id),
            "is_required": second_factor.is_required(),
            "sessions": _sessions(request),
        }
        if wants_new:
            key, address = second_factor.begin(user_id=user_id, username=user.get_username())
            context |= {"key": key, "qr": _qr(address)}
        response = TemplateResponse(request, "admin/own_access.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def _enrolment_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for the code that an administrator gave; nothing of a second factor is shown or begun before."""
        form = EnrolmentForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            code, user_id = form.cleaned_data["enrolment_code"], _person(request)
            try:
                request.session[ENROLMENT] = enrolment.shown(user_id=user_id, code=code, now=timezone.now())
                return HttpResponseRedirect(reverse("admin:own_access"))
            except CodeRefused as refusal:
                record_failure(event=AccessEvent.LOGIN_FAILED, what="wrong enrolment code")
                form.add_error("enrolment_code", str(refusal))
        context = {**self.each_context(request), "title": "Your access", "enrolment_form": form}
        return TemplateResponse(request, "admin/own_access.html", {**context, "sessions": _sessions(request)})

    def end_own_sessions(self, request: HttpRequest) -> HttpResponse:
        """End all of one's sessions but this one."""
        if request.method != "POST" or not self.has_permission(request):
            raise PermissionDenied
        end_sessions(user_id=_person(request), except_key=request.session.session_key)
        return HttpResponseRedirect(reverse("admin:own_access"))


def _take_code(request: HttpRequest, code: str, *, wants_new: bool) -> list[str]:
    """Set up the authenticator, or make new recovery codes; return these. Raises CodeRefused."""
    user_id, now = _person(request), timezone.now()
    if wants_new:
        device, codes = second_factor.confirm(user_id=user_id, code=code, now=now)
        enrolment.end_enrolment(user_id=user_id)
        request.session.pop(ENROLMENT, None)
        request.session.cycle_key()
        remember_device(request, device)
        end_sessions(user_id=user_id, except_key=request.session.session_key)
        return codes
    second_factor.verify(user_id=user_id, code=code, now=now)
    return second_factor.new_recovery_codes(user_id=user_id)


def _has_shown_code(request: HttpRequest) -> bool:
    """Whether this session has shown an enrolment code that is still good."""
    digest = request.session.get(ENROLMENT, "")
    return enrolment.is_open(user_id=_person(request), digest=digest, now=timezone.now())


def _sessions(request: HttpRequest) -> list[dict[str, Any]]:
    own = digest_of(request.session.session_key or "")
    rows = StaffSession.objects.filter(user_id=_person(request), expire_date__gt=timezone.now())
    return [
        {"created_at": row.created_at, "address": row.address, "browser": row.browser, "is_this": row.pk == own}
        for row in rows.order_by("-created_at", "pk")
    ]


def _person(request: HttpRequest) -> int:
    """The id of who is logged in; 0 for nobody."""
    return request.user.pk or 0


def _is_verified(request: HttpRequest) -> bool:
    return getattr(request.user, "otp_device", None) is not None


def _needs_code(request: HttpRequest) -> bool:
    return second_factor.is_required() or second_factor.has_authenticator(user_id=_person(request))


def _may_set_up(request: HttpRequest) -> bool:
    """Whether this is a person, logged in by password, who has no authenticator yet."""
    user = request.user
    return user.is_active and user.is_staff and not second_factor.has_authenticator(user_id=_person(request))


def _qr(address: str) -> str:
    """The address as a picture, in an address of its own; it is drawn here, because the key must not leave this page."""
    code = QRCode(image_factory=SvgPathImage, box_size=12, border=2)
    code.add_data(address)
    return "data:image/svg+xml;base64," + base64.b64encode(code.make_image().to_string()).decode()
