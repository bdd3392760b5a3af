"""Workers that post are killed at any point: every row becomes exactly one operation, and the counts are exact (I42, I43).

The small run is part of the suite; `make hammer-massops` runs it with 100,000 rows (BILLING_HAMMER_ROWS).
"""

import multiprocessing
import os
import random
import time
from multiprocessing.process import BaseProcess

import pytest
from django.db import connection

from ledger import grid
from massops import lifecycle, posting, work
from massops.models import MassOperation
from tests.massops.desk import Desk

ROWS = int(os.environ.get("BILLING_HAMMER_ROWS", "1000"))
KILLS_MIN = 4
WORKERS = 2
STILL_SECONDS_MAX = 5.0
SECONDS_MAX = 280 if ROWS < 10_000 else 1_800


def toil() -> None:
    """A worker process: a connection of its own, small batches, short slices and leases."""
    connection.connection = None  # the parent's, which must stay open
    grid.valkey = grid._Valkey()
    lifecycle.LEASE_SECONDS = 1.0
    posting.RETRIES_MAX = 10_000
    posting.SLICE_SECONDS = 0.3
    posting.pace.POST_ROWS = posting.pace.POST_ROWS_BESIDE_OTHERS = max(25, ROWS // 200)
    posting.pace.START = posting.pace.Pace(posting.pace.POST_ROWS, 0.0, 0)
    while True:
        if not work.work():
            time.sleep(0.05)


def start_worker() -> BaseProcess:
    worker = multiprocessing.get_context("fork").Process(target=toil, daemon=True)
    worker.start()
    return worker


def posted_some(desk: Desk, found: MassOperation, *, rows: int, ends: float) -> bool:
    """Wait until some more rows are posted, so that kills fall into the work at every speed; False at the end."""
    now, until = desk.read(found), min(ends, time.monotonic() + STILL_SECONDS_MAX)
    goal = now.cursor + rows
    while now.state != "done" and now.cursor < goal and time.monotonic() < until:
        time.sleep(0.01)
        now = desk.read(found)
    return now.state != "done" and time.monotonic() < ends


def hammer(desk: Desk, found: MassOperation) -> MassOperation:
    """Kill workers until it is done; return the mass operation as it is then."""
    chance, kills, ends = random.Random(11), 0, time.monotonic() + SECONDS_MAX
    workers = [start_worker() for _ in range(WORKERS)]
    try:
        while posted_some(desk, found, rows=chance.randrange(1, ROWS // 8), ends=ends):
            place = chance.randrange(WORKERS)
            workers[place].kill()
            workers[place].join()
            workers[place] = start_worker()
            kills += 1
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
    assert kills >= KILLS_MIN
    return desk.read(found)


@pytest.mark.timeout(SECONDS_MAX + 60)
def test_it_posts_every_row_exactly_once_under_kill_9(desk: Desk) -> None:
    data = "key,from,to,amount\n" + "".join(f"k{number},bank,anna,0.01\n" for number in range(ROWS))
    found = desk.decide(desk.upload(data))

    done = hammer(desk, found)

    assert (done.state, done.cursor, done.rows_posted, done.rows_refused) == ("done", ROWS, ROWS, 0)
    assert done.sums_posted == {"EUR": str(ROWS)}
    assert desk.page.count("ledger_operation") == ROWS
    assert desk.page.count("ledger_entry") == 2 * ROWS
    assert (desk.page.sum("anna"), desk.page.sum("bank")) == (ROWS, -ROWS)
    assert {outcome for _, outcome, _ in desk.results(done)} == {"posted"}


def test_the_hammer_would_see_rows_without_their_keys(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: where a batch has new keys each time, a batch that was posted and not noted is posted twice."""
    found = desk.decide(desk.upload("account,amount\n" + "anna,0.01\n" * 50))
    usual = posting.messages_of
    rows = posting._rows(found, 0, 50)
    posting.pipeline.accept(book_id=found.book_id, messages=usual(found, rows))

    monkeypatch.setattr(
        posting,
        "messages_of",
        lambda found, rows: usual(found, [row._replace(key=f"{row.key}:{time.monotonic_ns()}") for row in rows]),
    )
    desk.work(found)

    assert desk.page.sum("anna") == 100
