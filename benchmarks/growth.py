"""Growth: the same posts and reads beside ever more entries, in a database of its own for each size, by turns.

The history is made by growth.sql through the real tables, aggregated as the aggregator does it, and vacuumed. Each read is the
ledger's own statement, with the binding that the application uses.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from appendonly.sqlfiles import read_sql
from benchmarks import batches
from benchmarks.cases import Case, Figures, MeasurementFailedError
from benchmarks.servers import PRISTINE, Numbers, System
from ledger.limits import GRID_ENTRIES_MAX, PAGE_ROWS_DEFAULT, SNAPSHOT_TAIL_ENTRIES

STRETCH = Path(__file__).with_name("growth.sql")
STRETCH_OPERATIONS = 250_000
ENTRIES_PER_DAY = 100_000
ACCOUNTS = 10_000
# What the aggregator is given at once: half of a day, which is a few hundred entries of the busiest account.
STEP_IDS = 50_000
INSERT_BATCH = 1_000
ID_MAX = 2**63 - 1
EXPLAINED_READS = 20
OPEN = """
    INSERT INTO public.accounts_account (book_id, code, unit_id)
    SELECT b.id, 'grown:' || g, u.id FROM public.accounts_book b, public.accounts_unit u, generate_series(1, %s) g
    WHERE b.name = 'main' AND u.code = 'EUR'
"""
FIND = """
    SELECT a.book_id, (SELECT max(s.id) FROM public.security_source s WHERE s.name = 'benchmark'), min(a.id), max(a.id)
    FROM public.accounts_account a WHERE a.code LIKE 'grown:%' GROUP BY a.book_id
"""
SEQUENCES = "SELECT setval('public.ledger_operation_id_seq', %s), setval('public.ledger_entry_id_seq', %s)"
AGGREGATE = "SELECT public.ledger_aggregate_v1(%s::int, %s::bigint, %s::bigint, %s::bigint)"
# After posts: what beat would do, one transaction each.
FOLLOW = (
    "SELECT public.ledger_take_mark_v1()",
    f"""SELECT public.ledger_aggregate_v1(b.id, public.ledger_close_marks_v1(), {STEP_IDS}, {SNAPSHOT_TAIL_ENTRIES})
        FROM public.accounts_book b WHERE b.name = 'main'""",
)


@dataclass(frozen=True)
class _Read:
    """One statement and its parameters for an account and a moment; prepared or bound in the client, as the application does."""

    name: str
    statement: str
    parameters: Callable[[int, int, datetime], Any]
    prepared: bool = False
    places: tuple[str, ...] = ("spread", "hot")
    rows: int = 1


def _at(book: int, account: int, moment: datetime) -> dict[str, Any]:
    return {"book": book, "account": account, "moment": moment}


def _date(book: int, account: int, moment: datetime) -> dict[str, Any]:
    return _at(book, account, moment.replace(hour=0, minute=0, second=0, microsecond=0))


def _page(book: int, account: int, _moment: datetime) -> dict[str, Any]:
    bounds = {"since": None, "until": None, "after": 0, "before": ID_MAX}
    return {"book": book, "account": account, "rows": PAGE_ROWS_DEFAULT, **bounds}


def _now(book: int, account: int, _moment: datetime) -> tuple[int, ...]:
    return (GRID_ENTRIES_MAX, book, account)


READS = (
    _Read("balance_now", read_sql("ledger/sql/read/balance_now.sql"), _now, prepared=True),
    _Read("balance_recorded", read_sql("ledger/sql/read/balance_recorded.sql"), _at),
    _Read("balance_date", read_sql("ledger/sql/read/balance_effective.sql"), _date),
    _Read(
        "history",
        read_sql("ledger/sql/read/history.sql").replace("{direction}", "DESC"),
        _page,
        places=("hot",),  # the one account that has a full page at every size
        rows=PAGE_ROWS_DEFAULT,
    ),
)


def cases(system: System, *, smallest: int, largest: int) -> list[Case]:
    """All cases of this group; the first that is measured makes the data of all sizes."""
    sizes: list[_Grown] = []
    while not sizes or sizes[-1].entries * 10 <= largest:
        sizes.append(_Grown(system, smallest * 10 ** len(sizes)))
    return [
        Case("growth.insert", lambda seconds: _insert(sizes, seconds)),
        *(Case(f"growth.{read.name}", _measurement(read, sizes)) for read in READS),
    ]


class _Grown:
    """A ledger of so many entries; made when first used."""

    def __init__(self, system: System, entries: int) -> None:
        self.entries = entries
        self.label = f"1e{len(str(entries)) - 1}"
        self.start = datetime.now(UTC) - timedelta(days=1 + entries / ENTRIES_PER_DAY)
        self.build_seconds = 0.0
        self._system = system
        place = urlsplit(system.addresses.superuser_url)
        self.url = urlunsplit(place._replace(path=f"/growth_{self.label}"))

    @cached_property
    def numbers(self) -> Numbers:
        """Make the data and tell the numbers of its accounts."""
        started = time.monotonic()
        with self._system.owner() as connection:
            connection.execute(f"CREATE DATABASE growth_{self.label} TEMPLATE {PRISTINE}")
        with psycopg.connect(self.url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            connection.execute(OPEN, (ACCOUNTS,))
            numbers = Numbers(*(connection.execute(FIND).fetchone() or ()))
            total = self.entries // 2
            for first in range(1, total + 1, STRETCH_OPERATIONS):
                self._add(connection, numbers, first, min(total, first + STRETCH_OPERATIONS - 1))
            connection.execute("VACUUM ANALYZE")
        self.build_seconds = time.monotonic() - started
        return numbers

    def _add(self, connection: psycopg.Connection[Any], numbers: Numbers, first: int, last: int) -> None:
        connection.execute(SEQUENCES, (last, 2 * last))
        connection.execute("SELECT public.ledger_add_partitions_v2()")
        place = {"book": numbers.book, "source": numbers.source, "account": numbers.first_account, "start": self.start}
        connection.execute(STRETCH.read_text(encoding="utf-8"), place | {"first": first, "last": last})
        for _ in range(2 * (last - first + 1) // STEP_IDS + 1):
            connection.execute(AGGREGATE, (numbers.book, 2 * last, STEP_IDS, SNAPSHOT_TAIL_ENTRIES))

    def moment(self) -> datetime:
        """A random moment of the ledger's life."""
        return self.start + timedelta(seconds=random.uniform(0.1, 0.9) * 86_400 * self.entries / ENTRIES_PER_DAY)

    def account(self, place: str) -> int:
        """The busiest account, or any other."""
        first = self.numbers.first_account
        return first if place == "hot" else random.randint(first + 1, self.numbers.last_account)


def _insert(sizes: list[_Grown], seconds: float) -> Figures:
    """Batches of transfers between random accounts through the posting function, one connection, size after size."""
    rates = {}
    for size in sizes:
        count = max(2, round(seconds * 10_000 / INSERT_BATCH))
        run = batches.prepare(size.url, size.numbers, INSERT_BATCH, 2, count)
        started = time.monotonic()
        rates[size.label] = run() / (time.monotonic() - started)
        with psycopg.connect(size.url, autocommit=True) as connection:
            for statement in FOLLOW:
                connection.execute(statement)
    first, last = sizes[0].label, sizes[-1].label
    found = {f"growth.insert_transfers_per_s.{label}": rate for label, rate in rates.items()}
    found |= {f"growth.build_seconds.{size.label}": size.build_seconds for size in sizes}
    return found | {"ratio.growth.insert_rate": rates[last] / rates[first]}


def _measurement(read: _Read, sizes: list[_Grown]) -> Callable[[float], Figures]:
    def measure(seconds: float) -> Figures:
        figures: Figures = {}
        for size in sizes:
            _ = size.numbers  # off the clock
        connections = {
            size.label: psycopg.connect(
                size.url, autocommit=True, cursor_factory=psycopg.Cursor if read.prepared else psycopg.ClientCursor
            )
            for size in sizes
        }
        try:
            for place in read.places:
                figures |= _latencies(read, place, sizes, connections, seconds)
                figures |= _pages(read, place, sizes)
        finally:
            for connection in connections.values():
                connection.close()
        return figures

    return measure


def _latencies(
    read: _Read, place: str, sizes: list[_Grown], connections: dict[str, psycopg.Connection[Any]], seconds: float
) -> Figures:
    """One read beside each size in turn, until the time is up; the first of each is not counted."""
    options: dict[str, Any] = {"prepare": True, "binary": True} if read.prepared else {}
    taken: dict[str, list[float]] = {size.label: [] for size in sizes}
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(taken[sizes[-1].label]) < EXPLAINED_READS:
        for size in sizes:
            parameters = read.parameters(size.numbers.book, size.account(place), size.moment())
            started = time.perf_counter()
            rows = connections[size.label].execute(read.statement, parameters, **options).fetchall()
            taken[size.label].append(time.perf_counter() - started)
            if len(rows) != read.rows:
                raise MeasurementFailedError(f"{read.name} beside {size.label} entries gave {len(rows)} rows")
    medians = {label: 1000 * median(times[1:]) for label, times in taken.items()}
    found = {f"growth.{read.name}_ms.{place}.{label}": value for label, value in medians.items()}
    ratio = medians[sizes[-1].label] / medians[sizes[0].label]
    return found | {f"ratio.growth.{read.name}.{place}": ratio}


def _pages(read: _Read, place: str, sizes: list[_Grown]) -> Figures:
    """The most pages that one of some reads touches, in the server's memory or not."""
    found = {}
    for size in sizes:
        statement = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + read.statement.replace("%b", "%s")
        most = 0
        with psycopg.connect(size.url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            for number in range(1 + EXPLAINED_READS):
                parameters = read.parameters(size.numbers.book, size.account(place), size.moment())
                row = connection.execute(statement, parameters).fetchone()
                plan = row[0][0]["Plan"] if row else {}
                if number:  # the first of a connection reads the catalogue too
                    most = max(most, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        found[f"growth.{read.name}_pages.{place}.{size.label}"] = float(most)
    return found
