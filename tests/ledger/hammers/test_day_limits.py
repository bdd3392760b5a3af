"""Hammer: no grant lets more through on a day than its sum, whatever many posters do at once; without the lock it does."""

from collections import Counter
from pathlib import Path

import psycopg

from tests.ledger.hammers import crowd, spenders
from tests.ledger.hammers.crowd import Arena
from tests.ledger.poster import open_book
from tests.servers import Database

POSTERS = 10
FIRST_GRANT = 1_000_000
NO_LOCK = [("ORDER BY d.grant_id FOR UPDATE) s;", "ORDER BY d.grant_id) s;")]


def hammer(
    database: Database, stop: Path, *, until_wrong: bool
) -> tuple[Counter[str], int, dict[int, tuple[int, int]]]:
    book = open_book(database.owner_url, "anna EUR")
    seconds = crowd.CONTROL_SECONDS_MAX if until_wrong else crowd.HAMMER_SECONDS
    arena = Arena(database.database_url, book, stop, seconds)
    first_grant = FIRST_GRANT + book.id * 10
    wrong, *told = crowd.together(
        (spenders.watch_sums, (arena, until_wrong)),
        *((spenders.spend_under_grants, (arena, seed, first_grant)) for seed in range(POSTERS)),
    )
    with psycopg.connect(database.database_url, autocommit=True) as connection:
        taken = spenders.taken_under_grants(connection, book.id)
        counted = dict(
            connection.execute(
                "SELECT grant_id - %s, sum(amount)::bigint FROM ledger_day_spent WHERE book_id = %s GROUP BY 1",
                (first_grant, book.id),
            ).fetchall()
        )
    return sum(told, Counter[str]()), wrong, {grant: (taken[grant], counted[grant]) for grant in spenders.GRANTS}


def test_it_never_lets_more_through_than_the_sum_of_the_day(scratch: Database, tmp_path: Path) -> None:
    told, wrong, sums = hammer(scratch, tmp_path / "stop", until_wrong=False)

    assert wrong == 0
    for grant, (taken, counted) in sums.items():
        assert taken == counted <= spenders.GRANTS[grant]
    assert told.keys() <= {"accepted", "limit_exceeded", "batch_refused"}, told
    assert told["accepted"] > 0 < told["limit_exceeded"]


def test_the_hammer_would_catch_a_sum_without_its_lock(scratch: Database, tmp_path: Path) -> None:
    crowd.break_function(scratch, "ledger_spend_v1", *NO_LOCK)

    _, wrong, sums = hammer(scratch, tmp_path / "stop", until_wrong=True)

    assert wrong or any(taken != counted for taken, counted in sums.values()), sums
