"""Hammer: writers post and replay while a partition is detached and attached again and again: no error, no wrong answer.

Some writers are slow, so that the exchange has to try again. The control exchanges in two steps, and must be caught.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection

from ledger import queries
from ledger.sealing import detaching
from ledger.sealing.archives import Partition
from tests.ledger.sealing.scene import superuser
from tests.ledger.sealing.small_ledger import FIRST, SAID, Ledger, as_owner, copy_of, staged

WRITERS = 6
HAMMER_SECONDS = float(os.environ.get("BILLING_HAMMER_SECONDS", "5"))
REPLAYS = (
    ("1", "bank -50.00, anna 50.00", "accepted again", SAID),
    ("2", "anna -99.00", "below_floor again"),
    ("1", "bank -51.00, anna 51.00", "key_reused", SAID),
    ("5", "anna -1.00, bank 1.00", "accepted again"),
    ("3", "reverse 1", "key_reused"),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """The ledger in small partitions, with large ones ahead for what the hammer writes."""
    with staged() as original, copy_of(original, tmp_path) as ledger:
        ledger.page.query("SELECT ledger_add_partitions_v2(2, 1000000)")
        ledger.archive()
        yield ledger


class Crowd:
    """Threads that post, replay and read until they are told to stop, and count what they were told."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.page = ledger, ledger.page
        self.stop, self.started = Event(), Counter[int]()
        self.wrong: list[str] = []

    def write(self, seed: int) -> Counter[str]:
        told: Counter[str] = Counter()
        turn = 0
        try:
            while not self.stop.is_set() and not self.wrong:
                turn += 1
                try:
                    self._turn(seed, turn, told)
                except (DatabaseError, AssertionError, LookupError) as error:
                    self.wrong.append(repr(error))
                self.started[seed] = turn
        finally:
            connection.close()
        return told

    def _turn(self, seed: int, turn: int, told: Counter[str]) -> None:
        key, entries, outcome, *said = REPLAYS[turn % len(REPLAYS)]
        new = self.page.message(f"{seed} {turn}", "bank -1.00, anna 1.00")
        receipts = self.page.accept([new, self.page.message(key, entries, *said)])
        assert receipts == ["accepted", outcome]
        read, _ = queries.operation_with_entries(book_id=self.page.book_id, operation_id=1)
        assert (read.key, read.outcome, read.metadata) == ("1", "accepted", SAID["metadata"])
        told.update(receipts)

    def dawdle(self) -> None:
        """Somebody who looks at the operations and then takes their time."""
        with superuser(self.ledger.name) as session:
            while not self.stop.is_set():
                with session.transaction():
                    session.execute("SELECT FROM ledger_operation WHERE id = 1")
                    time.sleep(0.25)
                time.sleep(0.25)


def hammer(ledger: Ledger, *, until: Callable[[Crowd], bool]) -> tuple[Crowd, int, Counter[str]]:
    """Exchange the partition to and fro under a crowd; return the crowd, how often, and what it was told."""
    crowd, exchanges = Crowd(ledger), 0
    with ThreadPoolExecutor(WRITERS + 1) as threads:
        running = [threads.submit(crowd.write, seed) for seed in range(WRITERS)]
        slow = threads.submit(crowd.dawdle)
        try:
            while len(crowd.started) < WRITERS and not crowd.wrong:  # all are connected, as the role of the application
                time.sleep(0.01)
            with as_owner():
                while not until(crowd):
                    call_command("archive", FIRST, "--attach" if exchanges % 2 else "--detach")
                    exchanges += 1
        finally:
            crowd.stop.set()
        slow.result()
        told = sum((thread.result() for thread in running), Counter())
    return crowd, exchanges, told


def test_nobody_notices(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detaching, "DETACH_PAUSE_SECONDS", 0.05)
    end = time.monotonic() + HAMMER_SECONDS

    crowd, exchanges, told = hammer(ledger, until=lambda crowd: time.monotonic() > end or bool(crowd.wrong))

    assert crowd.wrong == []
    assert exchanges >= 4
    assert told["accepted"] == sum(told.values()) / 2 > 100
    assert ledger.page.count("ledger_operation") == 9 + told["accepted"]
    assert ledger.page.format("anna", ledger.page.sum("anna")) == f"{35 + told['accepted']}.00"


def test_control_an_exchange_in_two_steps_is_noticed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_two_steps(*, out: str, into: str, partition: Partition) -> None:
        with superuser(ledger.name) as owner:
            owner.execute(f"ALTER TABLE ledger_operation DETACH PARTITION {out}")
            time.sleep(0.1)
            owner.execute(
                f"ALTER TABLE ledger_operation ATTACH PARTITION {into}"
                f" FOR VALUES FROM ({partition.from_id + 1}) TO ({partition.to_id + 1})"
            )

    monkeypatch.setattr(detaching, "_exchange", in_two_steps)

    crowd, exchanges, _ = hammer(ledger, until=lambda crowd: bool(crowd.wrong) or crowd.started[0] > 100_000)

    assert crowd.wrong, f"{exchanges} exchanges were not noticed"
