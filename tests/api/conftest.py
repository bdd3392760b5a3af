"""The cast of these tests: one client that may do everything, and for each test a book of its own.

api     the book in this process, with accounts cash (EUR, no floor) and wallet (EUR, floor 0), points (POINTS, 0 decimals)
live    the same book on the live server, an httpx client
"""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

from collections.abc import Callable, Iterator

import httpx
import pytest

SCOPES = "accounts:read accounts:write operations:read operations:write"


@pytest.fixture(scope="session")
def token(database_access: None) -> str:
    """The token of a client with every scope."""
    from tests.security.actors import new_actor

    return new_actor(name="ledger", scopes=SCOPES).token()


@pytest.fixture(scope="session")
def token_with(database_access: None) -> Callable[[str], str]:
    """A token that carries just these scopes, of a client of its own."""
    from tests.security.actors import new_actor

    return lambda scopes: new_actor(name="narrow", scopes=scopes).token()


@pytest.fixture
def empty_api(token: str) -> object:
    """A new book without accounts."""
    return _new_book(token)


@pytest.fixture
def api(token: str) -> object:
    """A new book with a small cast of accounts."""
    return _with_cast(_new_book(token))


@pytest.fixture(scope="module")
def shared_api(token: str) -> object:
    """A book with the cast for all tests of a file: for cases that leave nothing behind, or do not mind company."""
    return _with_cast(_new_book(token))


@pytest.fixture
def live(api: object, token: str, live_server_url: str) -> Iterator[httpx.Client]:
    """The test's book on the live server."""
    url = f"{live_server_url}/api/v1/books/{api.book}"  # type: ignore[attr-defined]
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60
    ) as client:
        yield client


def _new_book(token: str) -> object:
    from accounts.models import Book
    from tests.api.calls import Api, unique

    return Api(token, Book.objects.create(name=unique("book")).name)


def _with_cast(api: object) -> object:
    from accounts.models import Unit

    Unit.objects.get_or_create(code="POINTS", defaults={"exponent": 0, "name": "Points"})
    accounts = [
        {"code": "cash", "unit": "EUR"},
        {"code": "wallet", "unit": "EUR", "floor": "0"},
        {"code": "points", "unit": "POINTS"},
    ]
    response = api.post("/accounts/batch", {"accounts": accounts})  # type: ignore[attr-defined]
    assert [result["status"] for result in response.json()["results"]] == ["created"] * 3
    return api
