"""Desks of these tests (see desk.py), and the same book as a client of the API sees it."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file

from collections.abc import Callable

import pytest

SCOPES = "accounts:read accounts:write operations:read operations:write mass:read mass:write"


@pytest.fixture
def desk() -> object:
    """A book with anna and bert (EUR), a bank without a floor, and yen."""
    from tests.massops.desk import Desk

    return Desk.open_new("anna EUR", "bert EUR floor 0.00", "bank EUR", "yen JPY")


@pytest.fixture(scope="session")
def new_client(database_access: None) -> Callable[..., object]:
    """Make a client of the API over the book of a desk."""
    from accounts.models import Book
    from tests.api.calls import Api
    from tests.security.actors import new_actor

    def make(desk: object, scopes: str = SCOPES) -> Api:
        actor = new_actor(name="mass", scopes=scopes)
        return Api(actor.token(), Book.objects.get(id=desk.page.book_id).name)

    return make


@pytest.fixture
def client_api(desk: object, new_client: Callable[..., object]) -> object:
    """A client with every scope it needs."""
    return new_client(desk)
