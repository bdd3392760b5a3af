"""The private API: the same numbers as /metrics, for who may have them."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import pytest
from django.test import Client

from tests.api import declared

PATHS = ["/api/private/v1/metrics", "/api/private/v1/repositories"]


def ask(path: str, scopes: str = "metrics:read") -> object:
    from tests.security.actors import new_actor

    token = new_actor(name="watcher", scopes=scopes).token()
    return Client().get(path, HTTP_AUTHORIZATION=f"Bearer {token}")


@pytest.mark.parametrize("path", PATHS)
def test_it_answers_as_declared(path: str) -> None:
    answer = ask(path)

    assert answer.status_code == 200
    declared.check("GET", path, answer.status_code, answer.headers["Content-Type"], answer.json())


@pytest.mark.parametrize("path", PATHS)
def test_it_answers_nobody_else(path: str) -> None:
    for scopes, status in (("accounts:read operations:read", 403), (None, 401)):
        answer = ask(path, scopes) if scopes else Client().get(path)
        assert answer.status_code == status
        declared.check("GET", path, answer.status_code, answer.headers["Content-Type"], answer.json())


@pytest.mark.parametrize("path", PATHS)
def test_it_takes_no_parameters(path: str) -> None:
    answer = ask(f"{path}?book=main")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_it_tells_what_was_counted() -> None:
    from prometheus_client import REGISTRY

    from ledger import queries

    queries.entries_of(book_id=0, operation_ids=[])
    labels = {"repository": "entries", "method": "entries_of", "outcome": "ok"}
    counted = REGISTRY.get_sample_value("ledger_repository_duration_seconds_count", labels)

    told = {(row["repository"], row["method"]): row for row in ask(PATHS[0]).json()["repositories"]}

    assert told["entries", "entries_of"]["count"] == counted
    assert 0 < told["entries", "entries_of"]["p50_seconds"] <= told["entries", "entries_of"]["p99_seconds"]


def test_it_tells_the_records_of_each_repository() -> None:
    from accounts.models import Book, Unit
    from tests.ledger.page import Page

    page = Page.open_new("anna EUR", "bank EUR")
    page.write(("pay", "bank -1.00, anna 1.00", "accepted"))
    page.aggregate()
    page.aggregate()
    book = Book.objects.get(id=page.book_id).name

    told = {row["repository"]: row for row in ask(PATHS[1]).json()["repositories"]}

    def in_book(repository: str) -> int:
        (count,) = [one["records"] for one in told[repository]["books"] if one["book"] == book]
        return count

    assert {name: in_book(name) for name in ("accounts", "operations", "keys", "entries", "turnover", "inbox")} == {
        "accounts": 2,
        "operations": 1,
        "keys": 1,
        "entries": 2,
        "turnover": 2,
        "inbox": 0,
    }
    assert told["entries"]["is_exact"]
    assert told["entries"]["bytes"] == sum(part["bytes"] for part in told["entries"]["partitions"]) > 0
    assert not told["units"]["is_exact"], "statistics say so"
    assert Unit.objects.count() > 100
