"""Every call of the API: how many, how long, how many bytes, by route, method, class of status and class of client."""

from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from metrics.instruments import API, API_REQUEST_BYTES, API_RESPONSE_BYTES

_METHODS = {"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"}


class _Counted(NamedTuple):
    """What one combination of labels is counted in."""

    seconds: Any
    request_bytes: Any
    response_bytes: Any


class ApiMethods:
    """Observes calls below /api/; never a path as a label, so that clients cannot make new ones."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.METRICS:
            raise MiddlewareNotUsed
        self.get_response = get_response
        # As many as there are routes, methods and classes; looking a child up by its labels costs as much as all the rest.
        self._counted: dict[tuple[str, str, int, str], _Counted] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Time the call and count it."""
        if not request.path_info.startswith("/api/"):
            return self.get_response(request)
        started = perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        labels = (
            match.url_name if match is not None and match.url_name else "unknown",
            request.method if request.method in _METHODS else "other",
            response.status_code // 100,
            client_class(request),
        )
        counted = self._counted.get(labels)
        if counted is None:
            counted = self._counted[labels] = _bind(*labels)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length != "0" and length.isdecimal():
            counted.request_bytes.inc(int(length))
        counted.response_bytes.inc(0 if response.streaming else len(response.content))
        counted.seconds.observe(perf_counter() - started)
        return response


def client_class(request: HttpRequest) -> str:
    """Return the class of who calls: the highest priority that its client may use, or `none` without a valid token."""
    return str(getattr(getattr(request, "auth", None), "highest_priority", "none"))


def _bind(route: str, method: str, status: int, client: str) -> _Counted:
    return _Counted(
        API.labels(route, method, f"{status}xx", client),
        API_REQUEST_BYTES.labels(route, method),
        API_RESPONSE_BYTES.labels(route, method),
    )
