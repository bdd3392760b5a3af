"""Changes of an account while posters go on: when the call returns, every later posting is judged by them.

A posting that had read the old attributes is held where it waits for a lock, so each race is run in slow motion.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection

from ledger import account_changes
from ledger.account_changes import ChangeRefused
from tests.ledger.page import Page
from tests.ledger.poster import Poster

SECONDS_MAX = 20


class Background:
    """A call in a thread of its own, whose end can be waited for."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.result: Any = None
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


def waits_for_lock(page: Page, locktype: str) -> bool:
    statement = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = %s AND database ="
    return bool(page.query(f"{statement} (SELECT oid FROM pg_database WHERE datname = current_database()))", locktype)[0][0])


@contextmanager
def held(database_url: str, statement: str, *parameters: object) -> Iterator[psycopg.Connection]:
    """Hold what a statement locks, until the block ends or the connection is committed."""
    with psycopg.connect(database_url) as connection:
        connection.execute(statement, parameters)
        yield connection


@pytest.fixture
def page() -> Page:
    page = Page.open_new("anna EUR", "till EUR floor 0.00")
    page.write(("float", "till 100.00", "accepted"))
    return page


# What each change must do with a posting of 10.00 from anna that had read the old attributes: it is waited for.
@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"status": "frozen"}, None),
        ({"floor": "-10.00"}, None),
        ({"floor": "0.00"}, None),
        ({"status": "closed"}, "balance_not_zero"),
    ],
)
def test_it_waits_for_a_posting_that_had_read_the_old_attributes(
    page: Page, changes: dict[str, str], refused: str | None, database_url: str, database_owner_url: str
) -> None:
    # The change is held between drawing its transaction id and its commit; meanwhile a posting begins, reads what is
    # committed, and waits for the till's lock. So its transaction is younger than the change's, and yet it had read
    # the old attributes.
    with (
        held(database_url, "SELECT pg_advisory_xact_lock(%s)", page.id("till")) as till,
        held(database_owner_url, "LOCK TABLE accounts_account IN SHARE ROW EXCLUSIVE MODE") as table,
    ):
        change = Background(lambda: page.change("anna", **changes))
        wait_until(lambda: waits_for_lock(page, "relation"))
        posting = Background(lambda: page.accept([page.message("old", "anna -10.00, till -1.00, till 0.50, anna 10.50")]))
        posting_down = Background(lambda: page.accept([page.message("down", "anna -10.00, till 10.00")]))
        wait_until(lambda: waits_for_lock(page, "advisory"))
        table.commit()
        wait_until(lambda: change_is_visible(page, changes))
        for _ in range(20):
            assert change.running  # until the posting has ended
            time.sleep(0.005)
        till.commit()

    assert posting.wait() == ["accepted"]
    assert posting_down.wait() == ["accepted"]
    assert change.wait() == refused


def change_is_visible(page: Page, changes: dict[str, str]) -> bool:
    account = page.account("anna")
    return account.gated if "floor" in changes else account.status != "open"
