"""What is recorded without anybody asking: answers that refuse, exports, log-ins, and Django's own log of the administration."""

import base64
import json
from contextlib import suppress
from typing import Any

from axes.signals import user_locked_out
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.http import HttpRequest, HttpResponseBase

from security.access import record, record_failure
from security.access_models import AccessEvent
from security.models import Client

_ACTS = {1: "added", 2: "changed", 3: "deleted"}
_UNAUTHENTICATED, _FORBIDDEN, _TOO_MANY = 401, 403, 429
REFUSALS = frozenset({_UNAUTHENTICATED, _FORBIDDEN, _TOO_MANY})


def note_answer(request: HttpRequest, response: HttpResponseBase) -> None:
    """Record a refusal or an export. Called for every answer, so it looks at two things and goes."""
    if response.status_code in REFUSALS:
        failed = response.status_code == _UNAUTHENTICATED
        event = AccessEvent.AUTHENTICATION_FAILED if failed else AccessEvent.REFUSED
        who = _claimed_client(request) if request.path.startswith("/oauth/") else ""
        record_failure(event=event, what=_call(request), code=_code(response), who=who)
    elif response.has_header("Content-Disposition"):
        record(event=AccessEvent.EXPORT, what=_call(request), code=response["Content-Disposition"][:200])


def connect() -> None:
    """Listen to the log-in, to axes and to the log of the administration; called once the apps are ready."""
    user_logged_in.connect(_logged_in, dispatch_uid="security.access")
    user_logged_out.connect(_logged_out, dispatch_uid="security.access")
    user_login_failed.connect(_login_failed, dispatch_uid="security.access")
    user_locked_out.connect(_locked_out, dispatch_uid="security.access")
    post_save.connect(_log_entry, sender=LogEntry, dispatch_uid="security.access")


def _call(request: HttpRequest) -> str:
    """Method and path: never the query, which may hold anything."""
    return f"{request.method} {request.path}"


def _claimed_client(request: HttpRequest) -> str:
    """The client in whose name somebody asked at an endpoint of OAuth, if there is such a client."""
    claimed = request.POST.get("client_id", "")
    scheme, _, encoded = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):
            claimed = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    exists = claimed and "\x00" not in claimed and Client.objects.filter(client_id=claimed).exists()
    return claimed if exists else ""


def _code(response: HttpResponseBase) -> str:
    """The code of a problem document, or the error of an answer of OAuth; else the status."""
    if "json" in response.get("Content-Type", "") and not response.streaming:
        document = json.loads(response.content)  # type: ignore[attr-defined]
        return str(document.get("code") or document.get("error") or response.status_code)
    return str(response.status_code)


def _logged_in(*, user: Any, **_kwargs: Any) -> None:
    record(event=AccessEvent.LOGIN, what="logged in", who=f"staff:{user.get_username()}")


def _logged_out(*, user: Any, **_kwargs: Any) -> None:
    if user is not None:
        record(event=AccessEvent.LOGOUT, what="logged out", who=f"staff:{user.get_username()}")


def _login_failed(*, credentials: dict[str, Any], **_kwargs: Any) -> None:
    record_failure(event=AccessEvent.LOGIN_FAILED, what="log-in failed", who=_known(credentials.get("username")))


def _locked_out(*, username: str | None = None, **_kwargs: Any) -> None:
    record_failure(event=AccessEvent.LOGIN_LOCKED, what="log-in locked after failures", who=_known(username))


def _log_entry(*, instance: Any, **_kwargs: Any) -> None:
    """Django's log names what was touched and which fields, never their values."""
    kind = instance.content_type.name if instance.content_type else "record"
    what = f"{_ACTS[instance.action_flag]} {kind} {instance.object_repr} {instance.get_change_message()}"
    record(event=AccessEvent.ADMINISTRATION, what=what, who=f"staff:{instance.user.get_username()}")


def _known(username: str | None) -> str:
    """The name if it is one: people type passwords into the wrong field."""
    exists = username and "\x00" not in username and get_user_model().objects.filter(username=username).exists()
    return f"staff:{username}" if exists else ""
