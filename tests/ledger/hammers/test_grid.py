"""Hammer: posts, reads, flushes and aggregators at once, with messages to the grid lost before or after they took effect."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import Any

import pytest
import redis
from django.db import connection

from ledger import grid
from ledger.grid import Cached
from tests.ledger.hammers.crowd import HAMMER_SECONDS
from tests.ledger.page import Page

ACCOUNTS = [f"account-{number}" for number in range(12)]
POSTERS, READERS = 4, 2


class LossyScript:
    """A script whose call, or whose answer, is lost now and then."""

    def __init__(self, name: str, script: Any) -> None:
        self.name, self.script = name, script

    def __call__(self, **arguments: Any) -> Any:
        fate = random.random()
        if self.name != "read" and fate < 0.2:
            raise redis.ConnectionError("lost on the way there")
        answer = self.script(**arguments)
        if fate < 0.4:
            raise redis.TimeoutError("lost on the way back")
        return answer


@contextmanager
def messages_lost(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as lossy:
        script = grid.valkey._script
        lossy.setattr(grid.valkey, "_script", lambda name: LossyScript(name, script(name)))
        lossy.setattr(grid, "GRID_PAUSE_SECONDS", 0)
        yield lossy


class Storm:
    """Posters, readers, one who flushes and an aggregator on one page, all at once for a while."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.stop = Event()

    def run(self) -> None:
        calls = [partial(self.post, seed) for seed in range(POSTERS)] + [
            partial(self.read, seed) for seed in range(READERS)
        ]
        with ThreadPoolExecutor(POSTERS + READERS + 2) as threads:
            running = [threads.submit(self._close_at_end, call) for call in (*calls, self.flush, self.aggregate)]
            deadline = time.monotonic() + HAMMER_SECONDS
            while time.monotonic() < deadline and not any(thread.done() for thread in running):
                time.sleep(0.05)
            self.stop.set()
            assert all(thread.result() > 0 for thread in running)

    def _close_at_end(self, call: Callable[[], int]) -> int:
        try:
            return call()
        finally:
            connection.close()

    def post(self, seed: int) -> int:
        chance, posted = random.Random(seed), 0
        while not self.stop.is_set():
            giver, taker = chance.sample(ACCOUNTS, 2)
            cents = f"0.{chance.randint(1, 99):02}"
            posted += self.page.accept(
                [self.page.message(f"{seed} {posted}", f"{giver} -{cents}, {taker} {cents}")]
            ) == ["accepted"]
        return posted

    def read(self, seed: int) -> int:
        chance, reads = random.Random(seed), 0
        while not self.stop.is_set():
            self.page.balance(chance.choice(ACCOUNTS))
            reads += 1
        return reads

    def flush(self) -> int:
        """In the first half only, so that the second leaves something to compare."""
        flushes = 0
        while flushes < 5 and not self.stop.wait(HAMMER_SECONDS / 10):
            grid.valkey.client().flushdb()
            flushes += 1
        self.stop.wait()
        return flushes

    def aggregate(self) -> int:
        runs = 0
        while not self.stop.wait(0.05):
            self.page.aggregate()
            runs += 1
        return runs


def differences(page: Page) -> dict[str, tuple[int, int]]:
    """The accounts whose cached balance is not the sum of their entries."""
    found = {name: grid.read(book_id=page.book_id, account_id=page.id(name)) for name in ACCOUNTS}
    totals = {name: cached.total for name, cached in found.items() if isinstance(cached, Cached)}
    assert totals, "nothing is cached: nothing is tried"
    return {name: (total, page.sum(name)) for name, total in totals.items() if total != page.sum(name)}


def test_it_holds_the_sums_after_a_storm_with_lost_messages_and_flushes(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page.open_new(*(f"{name} EUR" for name in ACCOUNTS))
    page.aggregate()

    with messages_lost(monkeypatch):
        Storm(page).run()
    page.aggregate()

    assert differences(page) == {}
    for name in ACCOUNTS:
        page.shows(f"{name} {page.format(name, page.sum(name))}")


def test_its_control_differs_where_nothing_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page.open_new(*(f"{name} EUR" for name in ACCOUNTS))
    page.aggregate()
    monkeypatch.setattr(grid, "repeat", lambda **_: None)
    for name in ACCOUNTS:
        page.balance(name)

    with messages_lost(monkeypatch) as lossy:
        lossy.setattr(redis.Redis, "flushdb", lambda _client: None)
        Storm(page).run()

    assert differences(page) != {}
