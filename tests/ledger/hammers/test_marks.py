"""Hammer: snapshots are never wrong, with writers that sleep, roll back, use savepoints and two phases; naive marks are.

Writers insert by the columns' own defaults, as the owner, so that nothing but the defaults and the marks is tried.
"""

import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import psycopg
import pytest

from tests.ledger.hammers import crowd
from tests.ledger.poster import Book, open_book
from tests.servers import Database

WRITERS, AGGREGATORS = 10, 2

VISIBLE_MAXIMUM = [
    (
        "SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO ledger_take_mark_v1.entry_id FROM ledger_entry_id_seq",
        "SELECT coalesce(max(e.id), 0) INTO ledger_take_mark_v1.entry_id FROM ledger_entry e",
    )
]
AT_ONCE = [("o.xid < pg_snapshot_xmin(pg_current_snapshot())", "true")]


@dataclass
class Chaos:
    """Writers and aggregators on one book, for a while."""

    database: Database
    book: Book
    ids_first: bool = False
    stop: Event = field(default_factory=Event)

    def write(self, seed: int) -> int:
        chance, written = random.Random(seed), 0
        with psycopg.connect(self.database.owner_url) as connection:
            while not self.stop.is_set():
                self._insert(connection, chance)
                if not self.ids_first and chance.random() < 0.3:
                    connection.execute("SAVEPOINT half")
                    self._insert(connection, chance)
                    connection.execute(chance.choice(["ROLLBACK TO half", "RELEASE half"]))
                if chance.random() < 0.4:
                    time.sleep(chance.random() * 0.04)
                self._end(connection, chance)
                written += 1
        return written

    def _insert(self, connection: psycopg.Connection, chance: random.Random) -> None:
        accounts = list(self.book.accounts.values())
        for _ in range(chance.randint(1, 3)):
            row = (self.book.id, chance.choice(accounts), chance.choice([-1, 1, 5]))
            if self.ids_first:
                connection.commit()  # so that the id is drawn without a transaction id
                entry = connection.execute("SELECT nextval('ledger_entry_id_seq')").fetchone()
                time.sleep(chance.random() * 0.004)
                connection.execute(
                    "INSERT INTO ledger_entry (book_id, operation_id, account_id, amount, effective_at, id)"
                    " VALUES (%s, 0, %s, %s, now(), %s)",
                    (*row, entry[0] if entry else None),
                )
            else:
                connection.execute(
                    "INSERT INTO ledger_entry (book_id, operation_id, account_id, amount, effective_at)"
                    " VALUES (%s, 0, %s, %s, now() - random() * interval '5 days')",
                    row,
                )

    def _end(self, connection: psycopg.Connection, chance: random.Random) -> None:
        end, name = chance.random(), uuid.uuid4()  # the name is one for the whole server
        if end < 0.08:
            connection.rollback()
        elif end < 0.15:
            connection.execute(f"PREPARE TRANSACTION '{name}'")
            connection.commit()
            time.sleep(chance.random() * 0.04)
            connection.autocommit = True
            connection.execute(f"COMMIT PREPARED '{name}'")
            connection.autocommit = False
        else:
            connection.commit()

    def aggregate(self, seed: int) -> int:
        chance, runs = random.Random(seed), 0
        with psycopg.connect(self.database.database_url, autocommit=True) as connection:
            while not self.stop.is_set():
                connection.execute("SELECT ledger_take_mark_v1()")
                row = connection.execute("SELECT ledger_close_marks_v1()").fetchone()
                step = chance.choice([10, 1_000_000])
                connection.execute("SELECT ledger_aggregate_v1(%s, %s, %s, 1)", (self.book.id, row and row[0], step))
                time.sleep(chance.random() * 0.01)
                runs += 1
        return runs

    def run(self, done: Callable[[], bool]) -> None:
        with ThreadPoolExecutor(WRITERS + AGGREGATORS) as threads:
            running = [threads.submit(self.write, seed) for seed in range(WRITERS)]
            running += [threads.submit(self.aggregate, seed) for seed in range(AGGREGATORS)]
            while not done() and not any(thread.done() for thread in running):
                time.sleep(0.05)
            self.stop.set()
            assert all(thread.result() >= 0 for thread in running)

    def count(self, statement: str) -> int:
        with psycopg.connect(self.database.database_url, autocommit=True) as connection:
            row = connection.execute(statement, {"book": self.book.id}).fetchone()
        assert row is not None
        return int(row[0])


SNAPSHOTS = "SELECT count(*) FROM ledger_snapshot WHERE book_id = %(book)s"
WRONG_SNAPSHOTS = """
    SELECT count(*) FROM ledger_snapshot s WHERE s.book_id = %(book)s AND s.balance <> (
      SELECT coalesce(sum(e.amount), 0) FROM ledger_entry e
      WHERE e.book_id = s.book_id AND e.account_id = s.account_id AND e.id <= s.entry_id)
"""
WRONG_DAYS = """
    WITH day AS (
      SELECT e.account_id, (e.effective_at AT TIME ZONE 'UTC')::date AS effective_on,
             sum(e.amount) AS amount, count(*) AS entries, min(e.id) AS first_entry, max(e.id) AS last_entry
      FROM ledger_entry e JOIN ledger_progress p ON p.book_id = e.book_id
      WHERE e.book_id = %(book)s AND e.id <= p.entry_id GROUP BY 1, 2)
    SELECT count(*) FROM day FULL JOIN (SELECT * FROM ledger_turnover WHERE book_id = %(book)s) t USING (account_id, effective_on)
    WHERE (day.amount, day.entries, day.first_entry, day.last_entry)
          IS DISTINCT FROM (t.increments - t.decrements, t.increment_count + t.decrement_count, t.first_entry, t.last_entry)
"""
# What a mark says about time: at or below it recorded before it was closed, above it recorded after it was taken.
WRONG_TIMES = """
    SELECT count(*) FROM ledger_mark m
    WHERE EXISTS (SELECT FROM ledger_entry e WHERE e.id <= m.entry_id AND e.recorded_at >= m.closed_at)
       OR EXISTS (SELECT FROM ledger_entry e WHERE e.id > m.entry_id AND e.recorded_at < m.taken_at)
"""


def for_seconds(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def test_it_never_takes_a_wrong_snapshot(scratch: Database) -> None:
    chaos = Chaos(scratch, open_book(scratch.owner_url, "anna EUR", "ben EUR", "carl EUR"))

    chaos.run(for_seconds(crowd.HAMMER_SECONDS))

    assert chaos.count(SNAPSHOTS) > 10
    wrong = {name: chaos.count(name) for name in (WRONG_SNAPSHOTS, WRONG_DAYS, WRONG_TIMES)}
    assert set(wrong.values()) == {0}, wrong


@pytest.mark.parametrize(
    "control", ["the highest id that is visible", "marks closed at once", "ids before transactions"]
)
def test_its_control_takes_wrong_snapshots(control: str, scratch: Database) -> None:
    chaos = Chaos(scratch, open_book(scratch.owner_url, "anna EUR", "ben EUR"), ids_first="ids before" in control)
    if "highest" in control:
        crowd.break_function(scratch, "ledger_take_mark_v1", *VISIBLE_MAXIMUM)
    if not chaos.ids_first:
        crowd.break_function(scratch, "ledger_close_marks_v1", *AT_ONCE)

    too_late = for_seconds(crowd.CONTROL_SECONDS_MAX)
    chaos.run(lambda: too_late() or chaos.count(WRONG_SNAPSHOTS) > 0)

    assert chaos.count(WRONG_SNAPSHOTS) > 0
