"""How a process reaches the grid: a connection for each thread, which nobody shares and which may break."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger import grid
from tests.ledger.page import Page


def test_each_thread_of_each_process_has_a_connection_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own = grid.valkey.client()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(grid.valkey.client).result()
    again = grid.valkey.client()
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        of_child = grid.valkey.client()

    assert again is own
    assert len({id(client.connection) for client in (own, other, of_child)}) == 3
    assert grid.valkey.client() is not of_child, "what a process inherits it does not use"


def test_it_goes_on_after_the_server_has_closed_its_connection() -> None:
    """A restart of Valkey, or its time-out for idle clients, costs no answer."""
    page = Page.open_new("anna EUR")
    page.aggregate()
    page.balance("anna")
    assert page.balance("anna").source == "grid"
    own = grid.valkey.client().client_id()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: grid.valkey.client().client_kill_filter(_id=str(own))).result()

    assert page.balance("anna").source == "grid"
    assert grid.valkey.client().client_id() != own
