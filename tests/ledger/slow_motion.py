"""Races in slow motion: a call in the background is held where it waits for a lock, until the test lets it go on."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

from ledger.account_changes import ChangeRefused
from tests.ledger.page import Page

SECONDS_MAX = 20


class Background:
    """A call in a thread of its own, whose end can be waited for."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.result: Any = None
        self.proceed: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, args=(call,))
        self._thread.start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self.result = call()
        except ChangeRefused as refusal:
            self.result = refusal.code
        finally:
            connection.close()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def wait(self) -> Any:
        self._thread.join(SECONDS_MAX)
        assert not self.running
        return self.result


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def waits(page: Page, kind: str) -> int:
    """How many wait for a lock of this kind in this database."""
    statement = (
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE d.datname = current_database() AND NOT l.granted AND l.locktype = %s"
    )
    return int(page.query(statement, kind)[0][0])


@contextmanager
def held(url: str, statement: str, *parameters: object) -> Iterator[psycopg.Connection]:
    """Hold what a statement locks, until the connection is committed or the block ends."""
    with psycopg.connect(url) as connection:
        connection.execute(statement, parameters)
        yield connection
