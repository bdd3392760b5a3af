"""The posting function itself, below HTTP and Django: single operations and batches, hot and spread, and the opponent.

Hot is one account that everybody posts to; spread is ten thousand accounts chosen at random. The opponent
(peers/update_in_place.sql) keeps a balance in the account's row and shows what that costs on a hot account.
"""

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.cases import Case, Figures, MeasurementFailedError
from benchmarks.servers import System
from benchmarks.sql_load import SCRIPTS, pgbench
from benchmarks.together import run_together

PEER = Path(__file__).parent / "peers" / "update_in_place.sql"
CLIENTS = (1, 8, 32)
BATCH_OPERATIONS = 1000
# How many batches to prepare for a second: less than a quiet machine posts, so that no run is much too long.
BATCHES_PER_SECOND = 15
WARM_UP_BATCHES = 3
MESSAGE = b'{"entries":[{"account":"bench:0001","amount":"12.34"}],"description":"invoice 2026-000123"}'


def cases(system: System, *, book: int, source: int, accounts: tuple[int, int]) -> list[Case]:
    """All cases of this group; creates the opponent's tables."""
    with system.owner() as connection:
        connection.execute(PEER.read_text(encoding="utf-8"))
    spread = {"book": book, "source": source, "first_account": accounts[0], "last_account": accounts[1]}
    hot = spread | {"last_account": accounts[0]}
    places = {"hot": hot, "spread": spread}
    found = [
        _single_case(system, "post_single.sql", f"post.single_per_s.{place}.{clients}c", clients, variables)
        for clients in CLIENTS
        for place, variables in places.items()
    ]
    found += [
        _single_case(system, "peer_single.sql", f"peer.update_in_place.single_per_s.{place}.32c", 32, variables)
        for place, variables in places.items()
    ]
    # entries in an operation, processes: the one-entry batches are beside COPY, the transfers beside the goals
    for place, entries, processes in (("spread", 1, 1), ("hot", 1, 1), ("spread", 2, 1), ("spread", 2, 2)):
        found.append(_batch_case(system, place, entries, processes, places[place]))
    return found


def _single_case(system: System, script: str, name: str, clients: int, variables: dict[str, int]) -> Case:
    def measure(seconds: float) -> Figures:
        cpu_before = system.database_cpu_seconds()
        load = pgbench(
            script, url=system.addresses.superuser_url, clients=clients, seconds=seconds, variables=variables
        )
        server_cpu = system.database_cpu_seconds() - cpu_before
        return {
            name: load.per_second,
            f"cpu.client_share.{name}": system.share(load.client_cpu_seconds, load.seconds_in_all),
            f"cpu.database_us.{name}": 1e6 * server_cpu / load.transactions_in_all,
        }

    return Case(name, measure)


def _batch_case(system: System, place: str, entries: int, processes: int, variables: dict[str, int]) -> Case:
    kind = "batch1000" if entries == 1 else "batch1000_transfers"
    name = f"post.{kind}_per_s.{place}.{processes}c"

    def measure(seconds: float) -> Figures:
        batches = max(2, round(seconds * BATCHES_PER_SECOND / entries))
        some = (system.addresses.superuser_url, variables, entries, batches)
        done = run_together(prepare_batches, [some] * processes)
        return {
            name: done.per_second,
            f"cpu.client_share.{name}": system.share(done.client_cpu_seconds, done.seconds),
        }

    return Case(name, measure)


def prepare_batches(url: str, variables: dict[str, int], entries: int, batches: int) -> Callable[[], int]:
    """Make the parameters of some batches; the returned function posts them, each in its own transaction."""
    connection = psycopg.connect(url, autocommit=True)
    statement = (SCRIPTS / "post_batch.sql").read_text(encoding="utf-8").partition("\n")[2]
    prepared = [_parameters(variables, entries) for _ in range(WARM_UP_BATCHES + batches)]

    def post(parameters: dict[str, Any]) -> None:
        row = connection.execute(statement, parameters, prepare=True, binary=True).fetchone()
        if row is None or set(row[1]) != {"accepted"}:
            raise MeasurementFailedError(f"a batch was not accepted as a whole: {row and set(row[1])}")

    def run() -> int:
        for parameters in prepared[WARM_UP_BATCHES:]:
            post(parameters)
        return batches * BATCH_OPERATIONS

    for parameters in prepared[:WARM_UP_BATCHES]:
        post(parameters)
    return run


def _parameters(variables: dict[str, int], entries: int) -> dict[str, Any]:
    """One batch: operations of one entry, or transfers of two."""
    total, now = BATCH_OPERATIONS, datetime.now(UTC)
    accounts = range(variables["first_account"], variables["last_account"] + 1)
    amount = Decimal(1234)
    return {
        "book": variables["book"],
        "source": [variables["source"]] * total,
        "key": [str(uuid.uuid4()) for _ in range(total)],
        "kind": ["operation"] * total,
        "message": [MESSAGE] * total,
        "hash": [random.randbytes(32) for _ in range(total)],
        "credential": ["benchmark"] * total,
        "received": [now] * total,
        "effective": [None] * total,
        "ordinal": [ordinal for ordinal in range(1, total + 1) for _ in range(entries)],
        "account": random.choices(accounts, k=total * entries),
        "amount": [amount if place == 0 else -amount for _ in range(total) for place in range(entries)],
    }
