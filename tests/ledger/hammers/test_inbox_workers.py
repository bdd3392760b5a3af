"""Workers of the inbox are killed at any point: every message becomes exactly one operation."""

import multiprocessing
import random
import time
from multiprocessing.process import BaseProcess

from django.db import connection

from ledger import grid, inbox
from ledger.contracts import Priority
from tests.ledger.page import Page

MESSAGES = 2_000
WORKERS = 3
KILLS_MIN = 8
SECONDS_MAX = 90


def work() -> None:
    """A worker process: a connection of its own, small takes, short leases."""
    connection.connection = None  # the parent's, which must stay open
    grid.valkey = grid._Valkey()
    inbox.INBOX_TAKE_ROWS, inbox.INBOX_LEASE_SECONDS = 7, 1
    while True:
        inbox.drain()


def start_worker() -> BaseProcess:
    worker = multiprocessing.get_context("fork").Process(target=work, daemon=True)
    worker.start()
    return worker


def test_it_posts_every_message_exactly_once_under_kill_9() -> None:
    page = Page.open_new("counter EUR", "bank EUR")
    chance = random.Random(9)
    messages = [page.message(f"effect {number}", "counter 0.01, bank -0.01") for number in range(MESSAGES)]
    priorities = list(Priority)
    workers = [start_worker() for _ in range(WORKERS)]
    kills, deadline = 0, time.monotonic() + SECONDS_MAX
    try:
        for start in range(0, MESSAGES, 50):
            inbox.put(book_id=page.book_id, messages=messages[start : start + 50], priority=chance.choice(priorities))
            time.sleep(chance.random() * 0.1)
            place = chance.randrange(WORKERS)
            workers[place].kill()
            workers[place].join()
            workers[place] = start_worker()
            kills += 1
        while page.count("ledger_inbox") and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()

    assert kills >= KILLS_MIN
    assert page.count("ledger_inbox") == 0
    assert page.count("ledger_operation") == MESSAGES
    assert page.count("ledger_entry") == 2 * MESSAGES
    page.shows(f"counter {MESSAGES // 100}.00, bank -{MESSAGES // 100}.00")
