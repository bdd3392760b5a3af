"""A request id on every answer and in every error, so that a client and an operator speak of the same request."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_acceptable = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII).fullmatch


class RequestIdMiddleware:
    """Take the caller's X-Request-Id where it is a plain short name, else make one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Name the request before its view, and the answer after it."""
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.request_id = given if _acceptable(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response
