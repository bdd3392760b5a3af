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


@pytest.fixture(scope="session")
def new_book(token: str) -> Callable[..., object]:
    """Make a book; with the cast unless it is to be empty."""
    from accounts.models import Book, Unit
    from tests.api.calls import Api, unique

    def make(*, empty: bool = False) -> Api:
        api = Api(token, Book.objects.create(name=unique("book")).name)
        if not empty:
            Unit.objects.get_or_create(code="POINTS", defaults={"exponent": 0, "name": "Points"})
            accounts = [{"code": "cash", "unit": "EUR"}, {"code": "wallet", "unit": "EUR", "floor": "0"}]
            api.post("/accounts/batch", {"accounts": [*accounts, {"code": "points", "unit": "POINTS"}]})
        return api

    return make


@pytest.fixture
def empty_api(new_book: Callable[..., object]) -> object:
    """A new book without accounts."""
    return new_book(empty=True)


@pytest.fixture
def api(new_book: Callable[..., object]) -> object:
    """A new book with a small cast of accounts."""
    return new_book()


@pytest.fixture(scope="module")
def shared_api(new_book: Callable[..., object]) -> object:
    """A book with the cast for all tests of a file: for cases that leave nothing behind, or do not mind company."""
    return new_book()


@pytest.fixture
def live(token: str, live_server_url: str) -> Iterator[httpx.Client]:
    """The live server, as the same client; addresses start with the book's: `api.root + "/accounts"`."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=live_server_url, headers=headers, trust_env=False, timeout=60) as client:
        yield client
