"""Hammer: transfers both ways between the same accounts never deadlock, and no snapshot shows half of one."""

from collections import Counter
from pathlib import Path

import pytest

from tests.ledger.hammers import crowd
from tests.ledger.hammers.crowd import Arena, Watch
from tests.ledger.poster import open_book
from tests.servers import Database

POSTERS = 8
# Half of the posters take their locks from the other end.
UNSORTED = [
    ("GROUP BY a.id ORDER BY a.id", "GROUP BY a.id ORDER BY a.id * (1 - 2 * (pg_backend_pid() % 2))"),
]
# Each entry of an operation by itself, in a transaction of its own, would be this to a reader.
HALF = [("WHERE o_entry[i] IS NOT NULL;", "WHERE o_entry[i] IS NOT NULL AND (e_amount[i] > 0 OR random() < 0.9);")]


def hammer(database: Database, stop: Path, floor: str, seconds: float) -> tuple[Counter[str], Watch]:
    crowd.detect_deadlocks_soon(database)
    book = open_book(database.owner_url, *(f"{name} EUR {floor}" for name in ("anna", "ben", "carl")))
    arena = Arena(database.database_url, book, stop, seconds)
    results = crowd.together(
        (crowd.watch_total, (arena, False)),
        *((crowd.post_at_random, (arena, seed, crowd.transfer)) for seed in range(POSTERS)),
    )
    watch, told = results[0], sum(results[1:], Counter[str]())
    assert isinstance(watch, Watch)
    return told, watch


@pytest.mark.parametrize("floor", ["", "floor -500"])
def test_it_never_deadlocks_and_keeps_the_total_in_every_snapshot(
    floor: str, scratch: Database, tmp_path: Path
) -> None:
    told, watch = hammer(scratch, tmp_path / "stop", floor, crowd.HAMMER_SECONDS)

    assert told["accepted"] > 0
    assert told["DeadlockDetected"] == 0, told
    assert (watch.wrong, watch.snapshots > 0) == (0, True), watch
    assert all(outcome.islower() for outcome in told), told  # no error of any other name


def test_its_control_deadlocks_where_locks_are_taken_in_any_order(scratch: Database, tmp_path: Path) -> None:
    crowd.break_function(scratch, "ledger_judge_floors_v1", *UNSORTED)

    told, _ = hammer(scratch, tmp_path / "stop", "floor -500", crowd.HAMMER_SECONDS)

    assert told["DeadlockDetected"] > 0, told


def test_its_control_sees_a_total_that_is_not_zero(scratch: Database, tmp_path: Path) -> None:
    crowd.break_function(scratch, "ledger_post_v1", *HALF)

    told, watch = hammer(scratch, tmp_path / "stop", "", 1.0)

    assert watch.wrong > 0, (told, watch)
