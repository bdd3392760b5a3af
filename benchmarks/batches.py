"""Batches through the posting function, below HTTP and Django: one-entry operations and transfers, one and two connections.

Parameters are packed as ledger/posting.py packs them, inside the measured time; the lists that are packed are made before.
"""

import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from benchmarks.cases import Case, Figures, MeasurementFailedError
from benchmarks.servers import Numbers, System
from benchmarks.sql_load import SCRIPTS
from benchmarks.together import run_together
from ledger import arrays

SIZES = (100, 1000, 5000)
# How many entries to prepare for a second: less than a quiet machine posts, so that no run is much too long.
ENTRIES_PER_SECOND = 15_000
WARM_UP_OPERATIONS = 3_000
MESSAGE = b'{"entries":[{"account":"bench:0001","amount":"12.34"}],"description":"invoice 2026-000123"}'
PACK: dict[str, Callable[[list[Any]], arrays.PackedArray]] = {
    "source": arrays.int8s,
    "key": arrays.texts,
    "kind": arrays.texts,
    "message": arrays.byteas,
    "hash": arrays.byteas,
    "credential": arrays.texts,
    "received": arrays.moments,
    "effective": arrays.moments,
    "ordinal": arrays.int4s,
    "account": arrays.int8s,
    "amount": arrays.int8s,
}


def cases(system: System) -> list[Case]:
    """All cases of this group."""
    spread = system.numbers("bench")
    hot = replace(spread, last_account=spread.first_account)
    found = [
        _case(system, 1000, "spread", 1, 1, spread),  # beside COPY of the same rows
        _case(system, 1000, "hot", 1, 1, hot),
    ]
    for size in SIZES:
        for processes in (1, 2):
            long = size != 1000
            found.append(_case(system, size, "spread", 2, processes, spread, long=long))
    found.append(_case(system, 1000, "hot", 2, 2, hot, long=True))
    return found


def _case(
    system: System, size: int, place: str, entries: int, processes: int, numbers: Numbers, *, long: bool = False
) -> Case:
    kind = f"batch{size}" if entries == 1 else f"batch{size}_transfers"
    name = f"post.{kind}_per_s.{place}.{processes}c"

    def measure(seconds: float) -> Figures:
        batches = max(2, round(seconds * ENTRIES_PER_SECOND / entries / size))
        cpu_before = system.database_cpu_seconds()
        done = run_together(prepare, [(system.addresses.superuser_url, numbers, size, entries, batches)] * processes)
        operations = done.items + processes * _warm_up_batches(size) * size
        return {
            name: done.per_second,
            f"cpu.client_share.{name}": system.share(done.client_cpu_seconds, done.seconds),
            f"cpu.database_us.{name}": 1e6 * (system.database_cpu_seconds() - cpu_before) / operations,
        }

    return Case(name, measure, long=long)


def prepare(url: str, numbers: Numbers, size: int, entries: int, batches: int) -> Callable[[], int]:
    """Make the operations of some batches; the returned function posts them, each batch in its own transaction."""
    connection = psycopg.connect(url, autocommit=True)
    arrays.register(connection)
    statement = (SCRIPTS / "post_batch.sql").read_text(encoding="utf-8").partition("\n")[2]
    warm_up = _warm_up_batches(size)
    prepared = [_columns(numbers, size, entries) for _ in range(warm_up + batches)]

    def post(columns: dict[str, list[Any]]) -> None:
        parameters = {name: PACK[name](column) for name, column in columns.items()} | {"book": numbers.book}
        row = connection.execute(statement, parameters, prepare=True, binary=True).fetchone()
        if row is None or set(row[1]) != {"accepted"}:
            raise MeasurementFailedError(f"a batch was not accepted as a whole: {row and set(row[1])}")

    def run() -> int:
        for columns in prepared[warm_up:]:
            post(columns)
        return batches * size

    for columns in prepared[:warm_up]:
        post(columns)
    return run


def _warm_up_batches(size: int) -> int:
    return max(1, WARM_UP_OPERATIONS // size)


def _columns(numbers: Numbers, size: int, entries: int) -> dict[str, list[Any]]:
    """One batch: operations of one entry, or transfers of two."""
    now = datetime.now(UTC)
    accounts = range(numbers.first_account, numbers.last_account + 1)
    return {
        "source": [numbers.source] * size,
        "key": [str(uuid.uuid4()) for _ in range(size)],
        "kind": ["operation"] * size,
        "message": [MESSAGE] * size,
        "hash": [random.randbytes(32) for _ in range(size)],
        "credential": ["benchmark"] * size,
        "received": [now] * size,
        "effective": [None] * size,
        "ordinal": [ordinal for ordinal in range(1, size + 1) for _ in range(entries)],
        "account": random.choices(accounts, k=size * entries),
        "amount": [1234 if place == 0 else -1234 for _ in range(size) for place in range(entries)],
    }
