"""What every request carries: an id, the caller's trace, and a place in the access record if it is refused.

The id is the caller's X-Request-Id where that is a plain short name, else a new one; it stands on every answer and in every
error, so that a client and an operator speak of the same request. The trace is the caller's `traceparent` (W3C Trace Context)
where that is well-formed; a request without one begins a trace whose id is the request's own. This is on the way of every
posting, so it makes no call that it does not need; log lines get both from the request when they are written.
"""

import random
import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from security.access_sources import note_answer
from security.request_context import CURRENT_REQUEST

_acceptable = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII).fullmatch
# Version 00; a later version may go on after a dash. Ids of zeros are invalid.
_trace = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?", re.ASCII
).fullmatch
_TRACE_CHARS = 55
# What is not a page (pages have their own policy) may load nothing and stand in no frame.
NOTHING = "default-src 'none'; frame-ancestors 'none'"


def _new_id() -> str:
    """A name that no other request has. It protects nothing: a caller may choose it.

    The kernel is not asked for it, because at each call of the kernel another thread goes first.
    """
    return f"{random.getrandbits(128):032x}"


class RequestIdMiddleware:
    """Names the request, remembers it for who must know it, and has refusals recorded."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Name the request before its view, and the answer after it."""
        meta = request.META
        given = meta.get("HTTP_X_REQUEST_ID")
        request_id = given if given is not None and _acceptable(given) else _new_id()
        request.request_id = request_id  # type: ignore[attr-defined]
        trace = meta.get("HTTP_TRACEPARENT")
        request.traceparent = trace_of(trace) if trace is not None else None  # type: ignore[attr-defined]
        token = CURRENT_REQUEST.set(request)
        try:
            response = self.get_response(request)
            note_answer(request, response)
        finally:
            CURRENT_REQUEST.reset(token)
        response["X-Request-Id"] = request_id
        response.headers.setdefault("Content-Security-Policy", NOTHING)
        return response


def trace_of(text: str) -> str | None:
    """Return the caller's place in its trace, without what a later version adds; None if it is not well-formed."""
    well_formed = _trace(text) and (len(text) == _TRACE_CHARS or not text.startswith("00-"))
    return text[:_TRACE_CHARS] if well_formed else None
