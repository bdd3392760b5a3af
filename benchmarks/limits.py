"""The machine's limits: what the disk, a commit and the indexes cost when nobody checks anything.

Every other figure is read beside these, because absolute rates say more about the machine than about the ledger.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from benchmarks.cases import Case, Figures
from benchmarks.servers import System
from benchmarks.sql_load import pgbench
from benchmarks.together import run_together

TABLES = Path(__file__).with_name("limits.sql")
BLOCK = b"\0" * 8192  # what PostgreSQL writes at least
CLIENTS = (1, 8, 32)
ROWS_PER_OPERATION = 3  # operation, key, entry
COPY_OPERATIONS = 10_000
# How many to prepare for a second: less than a quiet machine loads, so that no run is much too long.
COPIES_PER_SECOND = 3
# One-entry operations as the ledger would store them, made by the server so that making them costs the client nothing.
COPY_SOURCES = {
    "bench.operation_key (book_id, source_id, key, operation_id)": (
        "SELECT 1, 1::bigint, md5(g::text) || g, g::bigint"
    ),
    "bench.operation (id, book_id, source_id, key, kind, message, message_hash, credential, received_at, recorded_at,"
    " effective_at, outcome, entry_first, entry_last, salt)": (
        "SELECT g::bigint, 1, 1::bigint, md5(g::text) || g, 'operation',"
        " convert_to(repeat('m', 120), 'UTF8'), sha256(md5(g::text)::bytea), 'benchmark', now(), now(), now(),"
        " 'accepted', g::bigint, g::bigint, uuid_send(gen_random_uuid())"
    ),
    "bench.entry (id, book_id, operation_id, account_id, amount, recorded_at, effective_at)": (
        "SELECT (1000000000 + g)::bigint, 1, g::bigint, g::bigint * 7919 % 10000, 100::numeric, now(), now()"
    ),
}


def cases(system: System) -> list[Case]:
    """All cases of this group; creates their tables."""
    with system.owner() as connection:
        connection.execute(TABLES.read_text(encoding="utf-8"))
    variables = system.numbers("bench").variables()
    url = system.addresses.superuser_url
    return [
        Case("limit.fsync", lambda seconds: {"limit.fsync_per_s": _fsync_rate(system.state_dir, seconds)}),
        Case("limit.round_trip", _pgbench("round_trip.sql", "limit.round_trip_per_s", url, 32, {}), long=True),
        *(
            Case(
                f"limit.insert.{clients}c",
                _pgbench("insert_entry.sql", "limit.insert_commit_1row_per_s", url, clients, variables),
                long=clients < max(CLIENTS),
            )
            for clients in CLIENTS
        ),
        Case("limit.copy.1c", _copy(url, 1, "limit.copy_rows_per_s")),
        Case("limit.copy.2c", _copy(url, 2, "limit.copy_rows_per_s.2c")),
    ]


def _fsync_rate(folder: Path, seconds: float) -> float:
    """Flushes a second of one writer, as a lone committer would cause them."""
    file = os.open(folder / "fsync", os.O_CREAT | os.O_WRONLY, 0o600)
    flush = getattr(os, "fdatasync", os.fsync)
    count, started = 0, time.perf_counter()
    try:
        while time.perf_counter() - started < seconds:
            os.pwrite(file, BLOCK, (count % 2000) * len(BLOCK))
            flush(file)
            count += 1
        return count / (time.perf_counter() - started)
    finally:
        os.close(file)


def _pgbench(script: str, name: str, url: str, clients: int, variables: dict[str, int]) -> Callable[[float], Figures]:
    def measure(seconds: float) -> Figures:
        load = pgbench(script, url=url, clients=clients, seconds=seconds, variables=variables)
        return {f"{name}.{clients}c": load.per_second}

    return measure


def _copy(url: str, connections: int, name: str) -> Callable[[float], Figures]:
    def measure(seconds: float) -> Figures:
        copies = max(1, round(seconds * COPIES_PER_SECOND))
        done = run_together(prepare_copy, [(url, copies)] * connections)
        return {name: done.per_second}

    return measure


def prepare_copy(url: str, copies: int) -> Callable[[], int]:
    """Make the data of some loads, in COPY's own binary form; the returned function loads them, a commit for each."""
    connection = psycopg.connect(url)
    loads = [_copy_data(connection) for _ in range(copies)]
    connection.commit()

    def run() -> int:
        for load in loads:
            for target, data in load.items():
                with connection.cursor().copy(f"COPY {target} FROM STDIN (FORMAT binary)") as copy:
                    copy.write(data)
            connection.commit()
        return copies * COPY_OPERATIONS * ROWS_PER_OPERATION

    return run


def _copy_data(connection: psycopg.Connection) -> dict[str, bytes]:
    found = connection.execute("SELECT nextval('bench.copy_seq')").fetchone()
    first = (found[0] if found else 0) * COPY_OPERATIONS
    numbers = f"FROM generate_series({first}, {first + COPY_OPERATIONS - 1}) g"
    data = {}
    for target, source in COPY_SOURCES.items():
        with connection.cursor().copy(f"COPY ({source} {numbers}) TO STDOUT (FORMAT binary)") as copy:
            data[target] = b"".join(bytes(part) for part in copy)
    return data
