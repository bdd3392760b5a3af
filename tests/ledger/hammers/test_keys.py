"""Hammer: a key names one operation, however many send it at the same time, alone or in batches."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests.ledger.hammers import crowd
from tests.ledger.hammers.crowd import Arena
from tests.ledger.page import Page
from tests.ledger.poster import open_book
from tests.servers import Database

UNSORTED = [("ORDER BY p_source[i], p_key[i], i", "ORDER BY md5(p_key[i] || pg_backend_pid()), i")]


@pytest.mark.parametrize(
    ("entries", "outcome"), [("anna 1.00, bank -1.00", "accepted"), ("anna -1.00, bank 1.00", "below_floor")]
)
def test_it_makes_one_operation_of_fifty_identical_calls(entries: str, outcome: str) -> None:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")

    def call(_number: int) -> str:
        try:
            return page.accept([page.message("same", entries)])[0]
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as threads:
        told = Counter(threads.map(call, range(50)))

    assert told == {outcome: 1, f"{outcome} again": 49}
    assert page.count("ledger_operation") == 1
    page.shows("anna 1.00, bank -1.00" if outcome == "accepted" else "anna 0.00, bank 0.00")


def hammer(database: Database, stop: Path, seconds: float) -> Counter[str]:
    crowd.detect_deadlocks_soon(database)
    book = open_book(database.owner_url, "anna EUR", "bank EUR")
    arena = Arena(database.database_url, book, stop, seconds)
    calls = [(crowd.post_at_random, (arena, seed, crowd.share_keys)) for seed in range(8)]
    told = sum(crowd.together(*calls), Counter[str]())
    with psycopg.connect(database.owner_url) as owner:
        row = owner.execute(
            "SELECT count(*), count(DISTINCT key), sum(entry_last) IS NULL FROM ledger_operation"
        ).fetchone()
        assert row is not None
        assert row[0] == row[1]
    return told


def test_it_never_deadlocks_on_keys_sent_in_different_orders(scratch: Database, tmp_path: Path) -> None:
    told = hammer(scratch, tmp_path / "stop", crowd.HAMMER_SECONDS)

    assert told.keys() == {"accepted", "accepted again"}, told


def test_its_control_deadlocks_where_keys_are_claimed_as_they_come(scratch: Database, tmp_path: Path) -> None:
    crowd.break_function(scratch, "ledger_post_v1", *UNSORTED)

    told = hammer(scratch, tmp_path / "stop", crowd.HAMMER_SECONDS)

    assert told["DeadlockDetected"] > 0, told
