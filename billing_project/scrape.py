"""`/metrics`: who may read it, and the answer in Prometheus' text form.

A scraper shows METRICS_TOKEN, or a token of a client with the scope metrics:read (Prometheus can get one itself). In development
a scraper on this machine needs neither. METRICS_PORT opens a listener of its own, for this machine alone (serve_metrics).
"""

import ipaddress
from collections.abc import Iterable
from typing import ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from metrics.exposition import text


class _OneAnswer(BaseContentNegotiation):
    """Whatever a scraper accepts, it gets the one form that there is."""

    def select_renderer(
        self, _request: Request, renderers: Iterable[BaseRenderer], _format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class _ByScope(APIView):
    """The way with an OAuth2 token."""

    required_scopes: ClassVar = {"GET": "metrics:read"}
    content_negotiation_class = _OneAnswer
    schema = None

    def get(self, _request: Request) -> HttpResponse:
        return _answer()


_by_scope = _ByScope.as_view()


def scrape(request: HttpRequest) -> HttpResponseBase:
    """Return all metrics to who may have them; 401 or 403 to others."""
    if request.method in {"GET", "HEAD"} and (_shows_the_token(request) or _is_near(request)):
        return _answer()
    return _by_scope(request)


def _answer() -> HttpResponse:
    return HttpResponse(text(), content_type=CONTENT_TYPE_LATEST)


def _shows_the_token(request: HttpRequest) -> bool:
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return (
        bool(settings.METRICS_TOKEN)
        and scheme.lower() == "bearer"
        and constant_time_compare(token.strip(), settings.METRICS_TOKEN)
    )


def _is_near(request: HttpRequest) -> bool:
    """Whether a caller on this machine asks in development. In production a proxy here would make everybody near."""
    if settings.PRODUCTION or settings.METRICS_TOKEN or "HTTP_AUTHORIZATION" in request.META:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
