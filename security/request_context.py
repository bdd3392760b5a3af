"""The request that this thread is working on, for whoever records who did it and cannot be handed the request."""

from contextvars import ContextVar

from django.http import HttpRequest

CURRENT_REQUEST: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)
