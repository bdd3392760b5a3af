"""What only people in browsers need: files, sessions, messages, policies for pages. The API carries bearer tokens and no cookie.

Each class is Django's own (or WhiteNoise's), left out for paths of the API, where the whole chain would cost more than the
posting itself. They stand one after another in the settings, so that a call of the API passes all of them by in one step.
"""

from collections.abc import Callable
from typing import Any

from axes.middleware import AxesMiddleware
from csp.middleware import CSPMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.middleware.common import CommonMiddleware
from django_otp.middleware import OTPMiddleware
from django_prometheus.middleware import PrometheusAfterMiddleware, PrometheusBeforeMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware

# Calls of these paths never read a cookie, so there is no session to load and nothing to forge.
_API = ("/api/v1/", "/api/private/v1/", "/livez", "/readyz", "/metrics")


class _ForBrowsers:
    """Mixed in before a middleware of Django: passes calls of the API by."""

    past: Callable[[HttpRequest], HttpResponseBase]

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)  # type: ignore[call-arg]  # the middleware that this is mixed into
        # Django wraps each middleware in a function that turns exceptions into answers, and says what it wrapped. Where
        # that is for browsers too, a call of the API goes where that one sends it.
        within = getattr(get_response, "__wrapped__", None)
        self.past = within.past if isinstance(within, _ForBrowsers) else get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(_API):
            return self.past(request)
        return super().__call__(request)  # type: ignore[misc,no-any-return]


class Files(_ForBrowsers, WhiteNoiseMiddleware):  # type: ignore[misc]  # it has no types
    """Style sheets, scripts and pictures of pages."""


class Common(_ForBrowsers, CommonMiddleware):
    """Trailing slashes, content length."""


class Sessions(_ForBrowsers, SessionMiddleware):
    """The cookie of a logged-in person."""


class Authentication(_ForBrowsers, AuthenticationMiddleware):
    """The person behind the session."""


class SecondFactor(_ForBrowsers, OTPMiddleware):  # type: ignore[misc]  # it has no types
    """Whether the person's second factor was checked in this session."""


class LogInLock(_ForBrowsers, AxesMiddleware):  # type: ignore[misc]  # it has no types
    """The answer to who failed to log in too often."""


class Messages(_ForBrowsers, MessageMiddleware):
    """What a page tells after a form."""


class PrometheusBefore(_ForBrowsers, PrometheusBeforeMiddleware):  # type: ignore[misc]  # it has no types
    """Times whole requests of pages."""


class PrometheusAfter(_ForBrowsers, PrometheusAfterMiddleware):  # type: ignore[misc]  # it has no types
    """Times views of pages. Calls of the API have one histogram instead (metrics.api_methods)."""

    def process_view(self, request: HttpRequest, *view: Any) -> None:
        """Count the view of a page."""
        if not request.path_info.startswith(_API):
            super().process_view(request, *view)


class ContentSecurityPolicy(_ForBrowsers, CSPMiddleware):
    """What a page may load: the strict policy of the settings, and its own for the administration.

    The administration's interface evaluates expressions written in its templates (Alpine.js), which needs `unsafe-eval`.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the header."""
        if request.path_info.startswith("/admin/"):
            response._csp_update = {"script-src": ["'unsafe-eval'", "'unsafe-inline'"]}  # type: ignore[attr-defined]  # noqa: SLF001 - how django-csp takes it
        return super().process_response(request, response)
