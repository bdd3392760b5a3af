"""Messages that are answered 202 and posted later: `Prefer: respond-async`, and where to ask what became of one."""

import re
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpResponse
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request

from ledger import inbox
from ledger.api.requests import LedgerView, answer
from ledger.api.schema import waiting as declared
from ledger.bell import bell
from ledger.contracts import Priority
from ledger.limits import KEY_CHARACTERS_MAX
from ledger.messages import Malformed, Problem

_ORDER = (Priority.CRITICAL, Priority.NORMAL, Priority.BULK)
_preference = re.compile(r"\s*([a-z-]+)\s*(?:=\s*\"?([a-z]+)\"?)?\s*", re.ASCII).fullmatch


class PriorityForbidden(PermissionDenied):
    """The client may not use this class."""

    default_code = "priority_forbidden"
    default_detail = "This client may not use so high a priority."


def priority_asked(request: Request, *, highest: str) -> Priority | None:
    """Return the class in which to store the message for later, or None to post it now.

    `Prefer: respond-async, priority=bulk`; without a class it is normal. Raises Malformed, and PriorityForbidden for a class
    above the client's own.
    """
    preferences: dict[str, str | None] = {}
    for part in re.split("[,;]", request.META.get("HTTP_PREFER", "").lower()):
        if found := _preference(part):
            preferences.setdefault(found[1], found[2])
    if "respond-async" not in preferences:
        return None
    text = preferences.get("priority") or max(Priority.NORMAL, Priority(highest), key=_ORDER.index)
    if text not in set(Priority):
        raise Malformed([Problem("header:Prefer", "invalid", f"priority is one of {', '.join(Priority)}.")])
    if _ORDER.index(Priority(text)) < _ORDER.index(Priority(highest)):
        raise PriorityForbidden
    return Priority(text)


def stored_document(request: Request, *, key: str, stored: inbox.Stored) -> dict[str, Any]:
    """What became of a stored message, and where to ask again."""
    base = re.sub("/(messages|operations/[0-9]+/reversal|operations|batches)$", "", request.path)
    return {
        "key": key,
        "status": "waiting" if stored.state == inbox.WAITING else "done",
        "outcome": None if stored.state == inbox.WAITING else stored.state,
        "operation": None if stored.operation_id is None else str(stored.operation_id),
        "status_url": request.build_absolute_uri(f"{base}/messages?{urlencode({'key': key})}"),
    }


def accepted_for_later(request: Request, *, key: str, stored: inbox.Stored) -> HttpResponse:
    """Ring the bell and answer 202."""
    bell.ring()
    document = stored_document(request, key=key, stored=stored)
    headers = {"Location": document["status_url"], "Preference-Applied": "respond-async"}
    return answer(document, status=202, headers=headers)


class MessagesView(LedgerView):
    """`/messages?key=KEY`: what became of a message of this client."""

    required_scopes: ClassVar = {"GET": "operations:read"}
    query_parameters: ClassVar = frozenset({"key"})

    @declared.read_message
    def get(self, request: Request, **_path: str) -> HttpResponse:
        """Return whether the message waits, or its outcome and operation."""
        key = self.query().get("key", "")
        if not 1 <= len(key) <= KEY_CHARACTERS_MAX:
            raise Malformed([Problem("query:key", "required", "Give the key of a message.")])
        stored = inbox.state_of(book_id=self.book_id, source_id=self.credential.source_id, key=key)
        if stored is None:
            raise NotFound("There is no message of this key.", "message_unknown")
        return answer(stored_document(request, key=key, stored=stored))
