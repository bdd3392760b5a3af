"""Hammer: floors hold where most decrements are judged by a snapshot alone; without one of the rules for that they do not."""

from collections import Counter
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.ledger.hammers import crowd
from tests.ledger.hammers.crowd import Arena, Watch
from tests.ledger.poster import Poster, open_book
from tests.ledger.test_gate import JUDGE, UNCOUNTED, UNFORGOTTEN
from tests.servers import Database

POSTERS = 10
# A snapshot is enough from 169 times the limit on (the test server has C = 170); ben's limit follows his headroom.
FUNDS, ANNAS_LIMIT = 2_000, 3
# How long the aggregator rests, and the share of calls that take nearly all at once.
OFTEN, SELDOM = (0.05, 0.01), (1.5, 0.0)


def hammer(
    database: Database, stop: Path, rhythm: tuple[float, float], *, until_wrong: bool
) -> tuple[Counter[str], Watch]:
    pause_seconds, large = rhythm
    book = open_book(database.owner_url, "anna EUR floor 0", "ben EUR floor -100")
    with psycopg.connect(database.database_url, autocommit=True) as connection:
        poster = Poster(connection, book_id=book.id, source_id=book.source_id)
        connection.execute(
            "SELECT ledger_change_account_v1(%s, %s, NULL, 'hammer', %s)",
            (book.id, book.accounts["anna"], Jsonb({"fast_debit_limit": str(ANNAS_LIMIT)})),
        )
        poster.post(*((f"funds {account}", [(account, FUNDS)]) for account in book.accounts.values()))
    arena = Arena(database.database_url, book, stop, crowd.CONTROL_SECONDS_MAX if until_wrong else crowd.HAMMER_SECONDS)
    results = crowd.together(
        (crowd.watch_floors, (arena, until_wrong)),
        (crowd.aggregate, (arena, 99, pause_seconds)),
        *((crowd.empty_and_refill, (arena, seed, large)) for seed in range(POSTERS)),
    )
    watch, told = results[0], sum(results[2:], Counter[str]())
    assert isinstance(watch, Watch)
    return told, watch


def test_no_floor_is_broken(scratch: Database, tmp_path: Path) -> None:
    told, watch = hammer(scratch, tmp_path / "stop", OFTEN, until_wrong=False)

    assert watch.wrong == 0, (watch, told)
    assert told.keys() == {"accepted", "below_floor", "by snapshot", "shared", "exclusive", "no gate"}, told
    assert told["by snapshot"] > told["accepted"] / 100, told


@pytest.mark.parametrize(
    ("rule", "rhythm"),
    [(UNFORGOTTEN, OFTEN), (UNCOUNTED, SELDOM)],
    ids=["without larger ones making it unknown", "without counting ids"],
)
def test_its_control_breaks_a_floor(
    rule: tuple[str, str], rhythm: tuple[float, float], scratch: Database, tmp_path: Path
) -> None:
    crowd.break_function(scratch, JUDGE, rule)

    told, watch = hammer(scratch, tmp_path / "stop", rhythm, until_wrong=True)

    assert watch.wrong > 0, (watch, told)
