"""One histogram for all calls of the API: how many, how long, by route, method and class of status."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import Histogram

DURATION = Histogram(
    "ledger_api_duration_seconds",
    "Time from the request to its answer, by the name of the route",
    ["route", "method", "status_class"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
_METHODS = {"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"}


class ApiMetricsMiddleware:
    """Observes calls below /api/; never a path as a label, so that clients cannot make new ones."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Time the call and count it."""
        if not request.path_info.startswith("/api/"):
            return self.get_response(request)
        started = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = match.url_name if match is not None and match.url_name else "unknown"
        method = request.method if request.method in _METHODS else "other"
        DURATION.labels(route, method, f"{response.status_code // 100}xx").observe(time.perf_counter() - started)
        return response
