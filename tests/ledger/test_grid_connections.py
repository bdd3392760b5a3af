"""How a process reaches the grid: a connection for each thread, which nobody shares and which may break."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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


def test_a_server_that_does_not_answer_is_asked_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page.open_new("anna EUR")
    page.aggregate()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        monkeypatch.setattr(grid, "valkey", grid._Valkey())

        balance = page.balance("anna")

        silent.settimeout(0)
        connections = list(iter(lambda: _accepted(silent), None))
        resting = grid.valkey._resting_until
        for connection in connections:
            connection.close()
    assert (balance.source, balance.minor) == ("ledger", 0)
    assert len(connections) == 1
    assert resting > 0


def _accepted(server: socket.socket) -> socket.socket | None:
    """A connection that waits to be accepted, if there is one."""
    try:
        return server.accept()[0]
    except BlockingIOError:
        return None
