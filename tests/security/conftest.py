"""The cast of these tests: a shop that may post, and a till that may only read."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

from collections.abc import Iterator

import pytest


@pytest.fixture
def shop() -> object:
    from tests.security.actors import new_actor

    return new_actor(name="shop", scopes="accounts:read operations:read operations:write")


@pytest.fixture
def till() -> object:
    from tests.security.actors import new_actor

    return new_actor(name="till", scopes="accounts:read")


@pytest.fixture
def remembered() -> Iterator[object]:
    """The process's cache of credentials, empty, with a clock that the test moves."""
    from security.authentication import CREDENTIALS

    class Clock:
        now = 1_000.0

        def __call__(self) -> float:
            return self.now

    real, CREDENTIALS.clock = CREDENTIALS.clock, Clock()
    CREDENTIALS.clear()
    yield CREDENTIALS
    CREDENTIALS.clock = real
    CREDENTIALS.clear()
