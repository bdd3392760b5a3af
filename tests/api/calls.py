"""How the tests call the API: in this process (fast, for the many cases), each answer held against the declared schema."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from django.db.models import Max
from django.http import HttpResponse
from django.test import Client as Browser

from accounts.models import Book
from ledger import marks
from ledger.models import Entry, Mark, Operation
from tests.api import declared

JSON = "application/json"
SETTLE_SECONDS_MAX = 20
_browser = Browser()


class Api:
    """One book of the API, as one client sees it."""

    def __init__(self, token: str | None, book: str) -> None:
        self.token = token
        self.book = book
        self.root = f"/api/v1/books/{book}"

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        content_type: str = JSON,
        **query: Any,
    ) -> HttpResponse:
        """Call an address below the book; a body that is not bytes is written as JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent |= headers or {}
        url = path if path.startswith(("/api", "http")) else self.root + path
        if query:
            url += "?" + urlencode(query, doseq=True)
        response = _browser.generic(method, url, data, content_type=content_type, headers=sent)
        kind = response.headers.get("Content-Type", "")
        plain = url.partition("?")[0].removeprefix("http://testserver")
        if response.streaming:
            assert kind.partition(";")[0] in declared.operation(method, plain)["responses"]["200"]["content"]
            return response
        document = response.json() if response.content and kind.endswith("json") else None
        declared.check(method, plain, response.status_code, kind, document)
        assert response.headers["X-Request-Id"]
        return response

    def get(self, path: str, **query: Any) -> HttpResponse:
        """GET."""
        return self.call("GET", path, **query)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> HttpResponse:
        """POST, with a key of its own unless one is given where the call wants one."""
        headers = dict(options.pop("headers", {}))
        if path.endswith(("/operations", "/reversal")):
            headers["Idempotency-Key"] = header_text(unique("key") if key is None else key)
        return self.call("POST", path, body, headers=headers, **options)

    def patch(self, path: str, body: Any, **options: Any) -> HttpResponse:
        """PATCH."""
        return self.call("PATCH", path, body, **options)

    def open(self, code: str, unit: str = "EUR", **attributes: Any) -> str:
        """Open an account and return its code."""
        response = self.post("/accounts", {"code": code, "unit": unit, **attributes})
        assert response.status_code == 201, response.content
        return code

    def operate(self, *entries: tuple[str, str], key: str | None = None, **words: Any) -> HttpResponse:
        """Post an operation of (account, amount) entries."""
        return self.post(
            "/operations", {"entries": [{"account": a, "amount": m} for a, m in entries], **words}, key=key
        )

    def balance(self, code: str) -> str:
        """The present balance of an account."""
        return self.get(f"/accounts/{quote(code)}/balance").json()["balance"]

    def records(self) -> tuple[int, int]:
        """How many operations and entries the book has."""
        book = Book.objects.get(name=self.book)
        return Operation.objects.filter(book=book).count(), Entry.objects.filter(book=book).count()


def settle() -> None:
    """Let oldest-first lists show all that is recorded: they end at the last mark while anybody in any database writes."""
    newest = {
        "operation_id__gte": Operation.objects.aggregate(id=Max("id"))["id"] or 0,
        "entry_id__gte": Entry.objects.aggregate(id=Max("id"))["id"] or 0,
    }
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while not Mark.objects.filter(**newest).exists():
        assert time.monotonic() < deadline, "a transaction stays open"
        marks.take_and_close()


def unique(name: str) -> str:
    """A name that nothing else has."""
    return f"{name}-{uuid.uuid4().hex[:16]}"


def header_text(text: str) -> str:
    """Text as a header carries it: the bytes of its UTF-8."""
    return text.encode().decode("latin-1")


def pointers(response: HttpResponse) -> list[str]:
    """Where a problem document says that something is wrong."""
    return [error["pointer"] for error in response.json()["errors"]]


def refusal(response: HttpResponse) -> tuple[int, str]:
    """Status and code of a problem."""
    return response.status_code, response.json()["code"]


@contextmanager
def adds(api: Api, *, operations: int = 0, entries: int = 0) -> Iterator[None]:
    """Assert that what happens inside adds just so many records to the book; by default nothing."""
    before = api.records()
    yield
    after = api.records()
    assert (after[0] - before[0], after[1] - before[1]) == (operations, entries)
