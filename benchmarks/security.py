"""What authorization costs: the same requests by clients without grants, with ten grants, and with ten grants and a sum per day.

They take turns in short slices, forwards and backwards, so that a drift of the machine meets all alike. The workers are
`direct`, without group commit, so that each request pays for its own check. Postings under a sum per day wait for each other,
so that client's rate is told for one connection too.
"""

import itertools
import json
import statistics
from collections.abc import Callable, Iterator
from http import HTTPStatus

import httpx

from benchmarks import http_load
from benchmarks.cases import Case, Figures
from benchmarks.http import BATCH_OPERATIONS, Calls
from benchmarks.servers import SCOPES, System, manage

SLICES = 6
SLICE_WARM_UP_SECONDS = 0.3
# Batches are few a second, so a slice of them must be longer.
BATCH_SLICE_SECONDS_LEAST = 2.0
SINGLE_CONNECTIONS, BATCH_CONNECTIONS = 32, 1
# The accounts of the benchmark are bench:N; each grant but the last is for some that it does not use.
PREFIXES = [*(f"other:{number}:" for number in range(9)), "bench:"]
DAY_MAX = "1000000000000"


def cases(system: System) -> list[Case]:
    """All cases of this group; makes the clients."""
    tokens = {
        "no_grants": _token(system, "no-grants", []),
        "10_grants": _token(system, "ten-grants", ["--unit", "EUR"]),
        "10_grants_day_limit": _token(system, "day-limit", ["--unit", "EUR", "--per-day", DAY_MAX]),
    }
    runs = itertools.count()

    def calls(token: str) -> Calls:
        return Calls(token=token, run=f"security-{next(runs)}")

    def single(connections: int) -> Callable[[float], Figures]:
        def measure(seconds: float) -> Figures:
            rates = _in_turns(
                tokens,
                lambda token: _rate(
                    system, calls(token).single(hot=False), connections, seconds / 2, HTTPStatus.CREATED
                ),
            )
            return {f"security.single_per_s.{name}.{connections}c": rate for name, rate in rates.items()}

        return measure

    def batch(seconds: float) -> Figures:
        length = max(seconds, BATCH_SLICE_SECONDS_LEAST)
        rates = _in_turns(
            tokens, lambda token: _rate(system, calls(token).batch(), BATCH_CONNECTIONS, length, HTTPStatus.OK)
        )
        return {f"security.batch1000_per_s.{name}": rate * BATCH_OPERATIONS for name, rate in rates.items()}

    return [
        Case("security.single.1c", single(1), long=True),
        Case("security.single.32c", single(SINGLE_CONNECTIONS), long=True),
        Case("security.batch1000", batch, long=True),
    ]


def _token(system: System, name: str, limits: list[str]) -> str:
    """A client of its own with its grants; limits empty means no grants at all."""
    client = json.loads(manage(system.environment, "client", "create", name, "--scopes", SCOPES, "--json"))
    for prefix in PREFIXES if limits else ():
        arguments = ["--client", client["client_id"], "--action", "credit", "--prefix", prefix, *limits]
        manage(system.environment, "grant", "add", *arguments)
    response = httpx.post(
        f"http://127.0.0.1:{system.direct.port}/oauth/token/",
        data={"grant_type": "client_credentials"},
        auth=(client["client_id"], client["client_secret"]),
    )
    return str(response.raise_for_status().json()["access_token"])


def _in_turns(tokens: dict[str, str], rate: Callable[[str], float]) -> Figures:
    """Return the median rate of each client over all slices."""
    found: dict[str, list[float]] = {name: [] for name in tokens}
    for number in range(SLICES):
        for name in tokens if number % 2 == 0 else reversed(tokens):
            found[name].append(rate(tokens[name]))
    return {name: statistics.median(rates) for name, rates in found.items()}


def _rate(system: System, requests: Iterator[bytes], connections: int, seconds: float, status: HTTPStatus) -> float:
    return http_load.run(
        port=system.direct.port,
        connections=connections,
        seconds=seconds,
        warm_up_seconds=SLICE_WARM_UP_SECONDS,
        requests=requests,
        status=status,
    ).per_second
