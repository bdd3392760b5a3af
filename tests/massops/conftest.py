"""Desks of these tests; see desk.py."""

import pytest


@pytest.fixture
def desk() -> object:
    """A book with anna and bert (EUR), a bank without a floor, and points."""
    from tests.massops.desk import Desk  # noqa: PLC0415 - Django's settings are first read after this file

    return Desk.open_new("anna EUR", "bert EUR floor 0.00", "bank EUR", "yen JPY")
