"""Hammer: every operation is sealed exactly once, whatever writers do and whenever sealers die; naive horizons lose some.

Sixteen writers sleep in open transactions, roll back, use savepoints and two phases; three sealers are killed several times a
second; `make hammer-seal` gives them 20 seconds (BILLING_HAMMER_SECONDS) and prints the figures.
The controls take another horizon than the mark, or a sequence with a cache, and must lose operations.
"""

import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from ledger.sealing import mac
from tests.ledger.hammers import crowd
from tests.ledger.hammers.crowd import break_function
from tests.ledger.hammers.sealers import LOST
from tests.ledger.poster import Book, Poster, open_book
from tests.servers import ROOT, Database

WRITERS = 16
HAMMER_SECONDS = float(os.environ.get("BILLING_HAMMER_SECONDS", "6"))
# What a mark is, replaced: the largest visible id, at once or after a while, and closed without waiting for anybody.
READ = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO operation_value FROM ledger_operation_id_seq"
LAST = (READ, "SELECT coalesce(max(o.id), 0) INTO operation_value FROM ledger_operation o")
LAST_LATER = (READ, f"{LAST[1]} WHERE o.recorded_at < clock_timestamp() - interval '15 ms'")
# The database counts the rows of a block's range, so it refuses a block into which a row came meanwhile; the rest comes later.
UNCOUNTED = ("rows <> p_count + cardinality(p_quarantined)", "false")
AT_ONCE = ("o.xid < pg_snapshot_xmin(pg_current_snapshot())", "true")


class Writers:
    """Threads that post into one book until they are stopped."""

    def __init__(self, database: Database, book: Book) -> None:
        self.database, self.book = database, book
        self.stop = Event()

    def write(self, seed: int) -> int:
        chance, posted = random.Random(seed), 0
        with psycopg.connect(self.database.database_url) as connection:
            poster = Poster(connection, book_id=self.book.id, source_id=self.book.source_id, key=mac.signing_key())
            while not self.stop.is_set():
                if chance.random() < 0.3:
                    connection.execute("SAVEPOINT half")
                    posted += self._post(poster, chance)
                    connection.execute(chance.choice(["ROLLBACK TO half", "RELEASE half"]))
                else:
                    posted += self._post(poster, chance)
                if chance.random() < 0.3:
                    time.sleep(chance.random() * 0.05)
                self._end(connection, chance)
        return posted

    def _post(self, poster: Poster, chance: random.Random) -> int:
        ids = list(self.book.accounts.values())
        batch = [
            (f"{uuid.uuid4()}", [(chance.choice(ids), chance.choice([-1, 1]))]) for _ in range(chance.randint(1, 5))
        ]
        return len(poster.post(*batch))

    def _end(self, connection: psycopg.Connection[Any], chance: random.Random) -> None:
        end, name = chance.random(), uuid.uuid4()
        if end < 0.1:
            connection.rollback()
        elif end < 0.2:
            connection.execute(f"PREPARE TRANSACTION '{name}'")
            connection.commit()
            time.sleep(chance.random() * 0.1)
            connection.autocommit = True
            connection.execute(f"COMMIT PREPARED '{name}'")
            connection.autocommit = False
        else:
            connection.commit()


def hammer(
    database: Database, folder: Path, *arguments: str, before: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Let writers and sealers loose; return what became of the operations."""
    book = open_book(database.owner_url, "anna EUR", "ben EUR", "poor EUR floor 0")
    before()
    environment = os.environ | {
        "DATABASE_URL": database.database_url,
        "SEAL_DIRECTORIES": str(folder),
        "LOG_LEVEL": "CRITICAL",
    }
    command = [sys.executable, "-m", "tests.ledger.hammers.sealers", *arguments]
    writers = Writers(database, book)
    with (
        ThreadPoolExecutor(WRITERS) as threads,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as sealers,
        psycopg.connect(database.owner_url, autocommit=True) as watcher,
    ):
        running = [threads.submit(writers.write, seed) for seed in range(WRITERS)]
        try:
            _wait(watcher, sealers, float(arguments[0]), stop_when_lost="--unchecked" in arguments)
        finally:
            writers.stop.set()
        assert all(thread.result() > 0 for thread in running)
        told, _ = sealers.communicate(input="", timeout=120)
    result: dict[str, Any] = json.loads(told.splitlines()[-1])
    return result


def _wait(
    watcher: psycopg.Connection[Any], sealers: subprocess.Popen[str], seconds: float, *, stop_when_lost: bool
) -> None:
    """Give the sealers their time, from their first block on."""
    deadline = time.monotonic() + 60
    while watcher.execute("SELECT NOT EXISTS (SELECT FROM ledger_seal_block WHERE count > 0)").fetchone() == (True,):
        assert sealers.poll() is None
        assert time.monotonic() < deadline, "nothing is sealed"
        time.sleep(0.1)
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (stop_when_lost and watcher.execute(LOST).fetchone() != (0,)):
        time.sleep(0.3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints"


def test_it_seals_every_operation_exactly_once(scratch: Database, folder: Path) -> None:
    result = hammer(scratch, folder, str(HAMMER_SECONDS))
    sys.stdout.write(f"{result}\n")

    assert result["codes"] == [], result
    assert (result["lost"], result["quarantined"]) == (0, 0)
    assert result["sealed"] == result["operations"] > 500
    assert result["kills"] > 8


@pytest.mark.parametrize("horizon", [LAST, LAST_LATER], ids=["id > last", "id > last, later"])
def test_another_horizon_loses_operations(scratch: Database, folder: Path, horizon: tuple[str, str]) -> None:
    def break_it() -> None:
        break_function(scratch, "ledger_take_mark_v1", horizon)
        break_function(scratch, "ledger_close_marks_v1", AT_ONCE)
        break_function(scratch, "ledger_seal_block_v1", UNCOUNTED)

    result = hammer(scratch, folder, str(crowd.CONTROL_SECONDS_MAX), "--unchecked", before=break_it)

    assert result["lost"] > 0, result
    assert "row_added" in result["codes"]


def test_a_sequence_with_a_cache_loses_operations(scratch: Database, folder: Path) -> None:
    def break_it() -> None:
        with psycopg.connect(scratch.owner_url, autocommit=True) as connection:
            connection.execute("ALTER SEQUENCE ledger_operation_id_seq CACHE 32")
        break_function(scratch, "ledger_seal_block_v1", UNCOUNTED)

    result = hammer(scratch, folder, str(crowd.CONTROL_SECONDS_MAX), "--unchecked", before=break_it)

    assert result["lost"] > 0, result
