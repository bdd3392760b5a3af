"""Hammer: a change of an account binds every posting after it, also under load; without the wait for writers it does not."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event

import psycopg
import pytest

from ledger import account_changes
from ledger.account_changes import ChangeRefused
from tests.ledger.hammers.crowd import CONTROL_SECONDS_MAX, HAMMER_SECONDS
from tests.ledger.page import Page
from tests.ledger.poster import Poster

WRITERS = 8


@contextmanager
def writers(page: Page, url: str, amounts: tuple[int, ...]) -> Iterator[Counter[str]]:
    """Writers that post amounts to anna in turn, each holding its transaction open for a moment before it commits."""
    stop, told, anna = Event(), Counter[str](), page.id("anna")

    def write(seed: int) -> None:
        chance, number = random.Random(seed), 0
        with psycopg.connect(url) as connection:
            poster = Poster(connection, book_id=page.book_id, source_id=page.source_id)
            while not stop.is_set():
                outcome = poster.post((f"{anna} {seed} {number}", [(anna, amounts[number % len(amounts)])]))[0]
                time.sleep(chance.random() * 0.01)
                connection.commit()
                told[outcome] += 1
                number += 1

    with ThreadPoolExecutor(WRITERS) as threads:
        running = [threads.submit(write, seed) for seed in range(WRITERS)]
        try:
            time.sleep(0.05)
            yield told
        finally:
            stop.set()
        for writer in running:
            writer.result()


def floor_holds(url: str) -> bool:
    """Set a first floor at the balance while decrements run: from then on none is accepted below it."""
    page = Page.open_new("anna EUR")
    with writers(page, url, (-1,)):
        floor = page.sum("anna")
        page.change("anna", floor=page.format("anna", floor))
        bound = min(floor, page.sum("anna"))
        time.sleep(0.02)
    return page.sum("anna") >= bound


def freeze_holds(url: str) -> bool:
    """Freeze while entries come: from then on none comes."""
    page = Page.open_new("anna EUR")
    with writers(page, url, (1, -1)):
        page.change("anna", status="frozen")
        entries = page.count("ledger_entry")
        time.sleep(0.02)
    return page.count("ledger_entry") == entries


def closing_holds(url: str) -> bool:
    """Try to close while the balance goes up and down: where it succeeds, the balance is zero and stays so."""
    page = Page.open_new("anna EUR")
    with writers(page, url, (1, -1)):  # a writer that is refused goes on with the other sign: the sum stays near zero
        for _ in range(20):
            with suppress(ChangeRefused):
                page.change("anna", status="closed")
                break
    return page.account("anna").status != "closed" or page.sum("anna") == 0


HAMMERS = [floor_holds, freeze_holds, closing_holds]


@pytest.mark.parametrize("holds", HAMMERS)
def test_it_binds_every_later_posting(holds, database_url: str) -> None:
    deadline = time.monotonic() + HAMMER_SECONDS
    rounds = []
    while time.monotonic() < deadline or not rounds:
        rounds.append(holds(database_url))

    assert all(rounds), rounds


@pytest.mark.parametrize("holds", HAMMERS)
def test_its_control_does_not_bind_postings_under_way(
    holds, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_changes, "_wait_for_writers", lambda: None)
    deadline = time.monotonic() + CONTROL_SECONDS_MAX

    while holds(database_url):
        assert time.monotonic() < deadline, "the control is never caught"
