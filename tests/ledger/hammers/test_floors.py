"""Hammer: no floor is ever broken, whatever many posters do at the same time; without the gate it is."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.ledger.hammers import crowd
from tests.ledger.hammers.crowd import Arena, Watch
from tests.ledger.poster import Book, Poster, open_book
from tests.servers import Database

POSTERS = 12
# The gate lets a decrement of up to M through fast while the headroom is above (C - 1) * M; the test server has C = 170.
# So 5 keeps a way of 845 exact, 1 one of 169; without a limit every decrement is judged exactly. What is not fixed here is
# set by the aggregator from the headroom, in the middle of it all.
ACCOUNTS = {"anna": (0, 5), "ben": (-100, 5), "carl": (0, None), "dora": (50, 1)}
# Above 845 + 5, so that the hammer begins on the fast way and ends near the floors; the controls begin near them.
FUNDS, FUNDS_OF_CONTROL = 950, 60

NO_LOCKS = [
    ("locked := pg_advisory_xact_lock(g_account[i]);", "NULL;"),
    ("locked := pg_advisory_xact_lock_shared(g_account[i]);", "NULL;"),
]
WRONG_BOUND = [("others * g_limit[t.i]", "0 * g_limit[t.i]")]

ATTEMPTS_MAX = 5


def set_limit(url: str, book: Book, account: str, limit: int | None) -> None:
    document = "null" if limit is None else f'"{limit}"'
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT ledger_change_account_v1(%s, %s, NULL, 'hammer', %s::jsonb)",
            (book.id, book.accounts[account], f'{{"fast_debit_limit": {document}}}'),
        )


def hammer(database: Database, stop: Path, funds: int, *, until_wrong: bool) -> tuple[Counter[str], Watch]:
    book = open_book(database.owner_url, *(f"{name} EUR floor {floor}" for name, (floor, _) in ACCOUNTS.items()))
    for name, (_, limit) in ACCOUNTS.items():
        if limit is not None:
            set_limit(database.database_url, book, name, limit)
    with psycopg.connect(database.database_url, autocommit=True) as connection:
        poster = Poster(connection, book_id=book.id, source_id=book.source_id)
        poster.post(*((f"funds {account}", [(account, funds)]) for account in book.accounts.values()))
    seconds = crowd.CONTROL_SECONDS_MAX if until_wrong else crowd.HAMMER_SECONDS
    arena = Arena(database.database_url, book, stop, seconds)
    results = crowd.together(
        (crowd.watch_floors, (arena, until_wrong)),
        (crowd.aggregate, (arena, 99)),
        *((crowd.post_at_random, (arena, seed, crowd.spend)) for seed in range(POSTERS)),
    )
    watch, told = results[0], sum(results[2:], Counter[str]())
    assert isinstance(watch, Watch)
    return told, watch


def test_it_never_lets_a_balance_below_its_floor(scratch: Database, tmp_path: Path) -> None:
    for attempt in range(ATTEMPTS_MAX):  # a slow machine may not come near the floors the first time
        told, watch = hammer(scratch, tmp_path / f"stop {attempt}", FUNDS >> attempt, until_wrong=False)
        assert (watch.wrong, told["accepted"] > 0) == (0, True), (watch, told)
        if told["below_floor"]:
            break

    assert told["below_floor"] > 0, (watch, told)
    assert told.keys() <= {
        f"{outcome}{again}" for outcome in ("accepted", "below_floor", "batch_refused") for again in ("", " again")
    }


@pytest.mark.parametrize("broken", [NO_LOCKS, WRONG_BOUND], ids=["without locks", "with a bound that is too small"])
def test_its_control_breaks_a_floor(broken: list[tuple[str, str]], scratch: Database, tmp_path: Path) -> None:
    crowd.break_function(scratch, "ledger_judge_floors_v1", *broken)

    told, watch = hammer(scratch, tmp_path / "stop", FUNDS_OF_CONTROL, until_wrong=True)

    assert watch.wrong > 0, (watch, told)


@pytest.mark.parametrize("limit", [None, 1, 5])
def test_it_lets_two_of_twelve_take_the_last_two_units(
    limit: int | None, database_url: str, database_owner_url: str
) -> None:
    for number in range(5):
        book = open_book(database_owner_url, "anna EUR floor 0")
        set_limit(database_url, book, "anna", limit)
        start = threading.Barrier(POSTERS)

        def take(seed: int, book: Book = book, start: threading.Barrier = start) -> str:
            with psycopg.connect(database_url, autocommit=True) as connection:
                poster = Poster(connection, book_id=book.id, source_id=book.source_id)
                if seed == 0:
                    poster.post(("funds", [(book.accounts["anna"], 2)]))
                start.wait()
                return poster.post((f"take {seed}", [(book.accounts["anna"], -1)]))[0]

        with ThreadPoolExecutor(POSTERS) as threads:
            told = Counter(threads.map(take, range(POSTERS)))

        assert told == {"accepted": 2, "below_floor": 10}, number


def test_it_does_not_starve_a_large_decrement_behind_a_stream_of_small_ones(
    database_url: str, database_owner_url: str
) -> None:
    # The small ones overlap, so the shared lock is never free; the large one must get its turn all the same.
    book = open_book(database_owner_url, "anna EUR floor 0")
    anna = book.accounts["anna"]
    set_limit(database_url, book, "anna", 5)
    stop, small = threading.Event(), Counter[str]()

    def stream(seed: int) -> None:
        with psycopg.connect(database_url) as connection:
            poster = Poster(connection, book_id=book.id, source_id=book.source_id)
            number = 0
            while not stop.is_set():
                number += 1
                small.update(poster.post((f"small {seed} {number}", [(anna, -1)])))
                stop.wait(0.005)  # it holds its lock meanwhile
                connection.commit()

    with psycopg.connect(database_url, autocommit=True) as connection, ThreadPoolExecutor(8) as threads:
        poster = Poster(connection, book_id=book.id, source_id=book.source_id)
        poster.post(("funds", [(anna, 10**9)]))
        streams = [threads.submit(stream, seed) for seed in range(8)]
        try:
            connection.execute("SET lock_timeout = '10s'")
            large = [poster.post((f"large {number}", [(anna, -1_000)]))[0] for number in range(20)]
        finally:
            stop.set()
        for running in streams:
            running.result()

    assert large == ["accepted"] * 20
    assert small["accepted"] > 0
