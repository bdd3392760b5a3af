"""The crowd of the hammers: many processes that post, hold their transactions open for a moment, and watch.

Nothing here knows Django or pytest, which take long to import: each process starts from a clean fork server and has a
connection of its own. A hammer runs in a scratch database, so that its control may break a function there and must then
be caught.
"""

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import sql

from tests.ledger.poster import Book, Operation, Poster

if TYPE_CHECKING:
    from tests.servers import Database

T = TypeVar("T")
HAMMER_SECONDS = 2.5
# A control ends as soon as it is caught. One of them needs some ten seconds for that on a quiet machine, by chance thirty.
CONTROL_SECONDS_MAX = 120.0

multiprocessing.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Arena:
    """Where a hammer runs: the database, the book, and a file whose existence ends it early."""

    url: str
    book: Book
    stop: Path
    seconds: float

    def running(self) -> Callable[[], bool]:
        """A clock that starts now."""
        end = time.monotonic() + self.seconds
        return lambda: time.monotonic() < end and not self.stop.exists()


@dataclass(frozen=True)
class Watch:
    """What a watcher saw: how many snapshots, how many of them wrong, and the lowest headroom."""

    snapshots: int
    wrong: int
    lowest: int


def together(*calls: tuple[Callable[..., T], Sequence[Any]]) -> list[T]:
    """Make each call in a process of its own, all at the same time; return their results in order."""
    with ProcessPoolExecutor(len(calls), mp_context=multiprocessing.get_context("forkserver")) as processes:
        return [future.result() for future in [processes.submit(call, *arguments) for call, arguments in calls]]


def break_function(database: "Database", name: str, *replacements: tuple[str, str]) -> None:
    """Replace text in the source of a function of a scratch database; the text must be there."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_get_functiondef(%s::regproc)", (name,)).fetchone()
        assert row is not None
        source: str = row[0]
        for old, new in replacements:
            assert old in source, f"{name} has no {old!r}: the control breaks nothing"
            source = source.replace(old, new)
        connection.execute(source)


def detect_deadlocks_soon(database: "Database") -> None:
    """Let a deadlock be found after 20 ms, so that a control meets many."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        row = connection.execute("SELECT current_database()").fetchone()
        assert row is not None
        name = sql.Identifier(row[0])
        connection.execute(sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '20ms'").format(name))


def post_at_random(
    arena: Arena, seed: int, draw: Callable[[random.Random, Book, int], list[Operation]]
) -> Counter[str]:
    """Post what `draw` draws until the time is over; count outcomes, and errors by their name.

    Some transactions stay open for a moment after posting, a few are rolled back, and some batches are sent twice.
    """
    chance, told = random.Random(seed), Counter[str]()
    running, batch = arena.running(), 0
    with psycopg.connect(arena.url) as connection:
        poster = Poster(connection, book_id=arena.book.id, source_id=arena.book.source_id)
        while running():
            batch += 1
            operations = draw(chance, arena.book, batch * 1_000 + seed)
            for _ in range(1 + (chance.random() < 0.05)):
                try:
                    outcomes = poster.post(*operations, all_or_nothing=chance.random() < 0.3)
                except psycopg.Error as error:
                    connection.rollback()
                    told[type(error).__name__] += 1
                    continue
                if chance.random() < 0.5:
                    time.sleep(chance.random() * 0.004)
                if chance.random() < 0.03:
                    connection.rollback()
                else:
                    connection.commit()
                    told.update(outcomes)
    return told


def empty_and_refill(arena: Arena, seed: int, large: float) -> Counter[str]:
    """Take little most of the time, nearly all at once in the share `large` of the calls, and pay in when an account is empty.

    Count outcomes, and the ways through the gate.
    """
    chance, told, running, number = random.Random(seed), Counter[str](), arena.running(), 0
    with psycopg.connect(arena.url) as connection:
        poster = Poster(connection, book_id=arena.book.id, source_id=arena.book.source_id)
        while running():
            number += 1
            account, amount = chance.choice(list(arena.book.accounts.values())), -chance.randint(1, 3)
            if chance.random() < large:
                row = connection.execute("SELECT ledger_balance_v1(%s, %s)", (arena.book.id, account)).fetchone()
                assert row is not None
                connection.rollback()  # a posting is alone in its transaction
                amount = min(amount, chance.randint(0, 5) - int(row[0]))
            outcome = poster.post((f"{seed}.{number}", [(account, amount)]))[0]
            if chance.random() < 0.2:
                time.sleep(chance.random() * 0.004)
            if chance.random() < 0.03:
                connection.rollback()
                continue
            connection.commit()
            told[outcome] += 1
            if outcome == "below_floor" and chance.random() < 0.1:
                poster.post((f"{seed}.{number} in", [(account, chance.randint(600, 2_000))]))
                connection.commit()
    return told + poster.gates


def spend(chance: random.Random, book: Book, number: int) -> list[Operation]:
    """One small decrement, or a batch of up to 8 transfers, decrements and increments; far more is asked for than comes in."""
    ids = list(book.accounts.values())
    if chance.random() < 0.6:
        return [(f"{number}", [(chance.choice(ids), -chance.randint(1, 5))])]
    operations: list[Operation] = []
    for place in range(chance.randint(1, 8)):
        giver, taker = chance.sample(ids, 2)
        amount = chance.randint(1, 60)
        entries = chance.choice(([(giver, -amount), (taker, amount)], [(giver, -amount)], [(taker, amount // 4 + 1)]))
        operations.append((f"{number}.{place}", entries))
    if len(operations) > 2:
        operations[1] = operations[0]  # a key twice
    return operations


def transfer(chance: random.Random, book: Book, number: int) -> list[Operation]:
    """Some transfers between the same few accounts, in all directions."""
    ids = list(book.accounts.values())
    operations: list[Operation] = []
    for place in range(chance.randint(1, 6)):
        giver, taker = chance.sample(ids, 2)
        amount = chance.randint(1, 50)
        operations.append((f"{number}.{place}", [(giver, -amount), (taker, amount)]))
    return operations


def share_keys(chance: random.Random, book: Book, _number: int) -> list[Operation]:
    """A batch of keys that others send at the same time (new ones every 20 ms), in an order of its own."""
    anna, bank = book.accounts.values()
    keys = [f"{time.monotonic_ns() // 20_000_000}.{place}" for place in range(12)]
    return [(key, [(anna, 1), (bank, -1)]) for key in chance.sample(keys, 10)]


def aggregate(arena: Arena, seed: int, pause_seconds: float = 0.0) -> Counter[str]:
    """Make snapshots of each account and set the limits of fast decrements anew all the time, as the aggregator does.

    Most limits fit a span of a few ids, so that snapshots are enough for the gate; some do not.
    """
    chance, running, told = random.Random(seed), arena.running(), Counter[str]()
    with psycopg.connect(arena.url, autocommit=True) as connection:
        while running():
            connection.execute("SELECT ledger_take_mark_v1()")
            connection.execute("SELECT ledger_aggregate_v1(%s, ledger_close_marks_v1(), p_tail => 1)", (arena.book.id,))
            for account in arena.book.accounts.values():
                row = connection.execute(
                    "SELECT ledger_set_fast_limit_v2(%s, %s, %s)",
                    (arena.book.id, account, chance.choice((20, 50, 200, None))),
                ).fetchone()
                assert row is not None
                told[f"limit {row[0]}"] += 1
            time.sleep(pause_seconds)
    return told


def watch_floors(arena: Arena, stop_when_wrong: bool) -> Watch:
    """Sum all accounts in one snapshot, again and again, and compare with their floors."""
    statement = (
        "SELECT min(coalesce(s.balance, 0) - a.floor)::bigint FROM accounts_account a LEFT JOIN"
        " (SELECT account_id, sum(amount) AS balance FROM ledger_entry WHERE book_id = %(book)s GROUP BY 1) s"
        " ON s.account_id = a.id WHERE a.book_id = %(book)s AND a.floor IS NOT NULL"
    )
    return _watch(arena, statement, stop_when_wrong)


def watch_total(arena: Arena, stop_when_wrong: bool) -> Watch:
    """Sum everything in one snapshot, again and again: the total of transfers is zero."""
    statement = "SELECT -abs(coalesce(sum(amount), 0))::bigint FROM ledger_entry WHERE book_id = %(book)s"
    return _watch(arena, statement, stop_when_wrong)


def _watch(arena: Arena, statement: str, stop_when_wrong: bool) -> Watch:
    snapshots, wrong, lowest = 0, 0, 2**62
    running = arena.running()
    with psycopg.connect(arena.url, autocommit=True) as connection:
        while running() or not snapshots:
            row = connection.execute(statement, {"book": arena.book.id}).fetchone()
            assert row is not None
            snapshots += 1
            wrong += row[0] < 0
            lowest = min(lowest, row[0])
            if wrong and stop_when_wrong:
                arena.stop.touch()
    return Watch(snapshots, wrong, lowest)
