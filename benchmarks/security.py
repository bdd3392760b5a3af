"""What authorization costs: the same requests by clients without grants, with ten grants, and with ten grants and a sum per day.

They alternate request by request. The workers are `direct`, without group commit, so that each request pays for its own check.
Postings under a sum per day wait for each other, so those clients' rates at many connections are measured too.
"""

import itertools
import json
import statistics
from collections.abc import Iterator
from http import HTTPStatus

import httpx

from benchmarks import http_load
from benchmarks.cases import Case, Figures
from benchmarks.http import Calls
from benchmarks.http_load import Stream
from benchmarks.servers import SCOPES, System, manage

SLICES = 6
SLICE_WARM_UP_SECONDS = 0.3
SINGLE_CONNECTIONS = 32
# How many times the seconds of a measurement the three clients alternate.
TURNS = 12
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

    def alternate(seconds: float) -> Figures:
        single = http_load.alternate(
            {
                name: Stream(system.direct.port, calls(token).single(hot=False), HTTPStatus.CREATED)
                for name, token in tokens.items()
            },
            seconds=TURNS * seconds,
        )
        batch = http_load.alternate(
            {name: Stream(system.direct.port, calls(token).batch(), HTTPStatus.OK) for name, token in tokens.items()},
            seconds=TURNS * seconds,
        )
        return {f"security.single_ms.{name}": value for name, value in single.items()} | {
            f"security.batch1000_ms.{name}": value for name, value in batch.items()
        }

    def many(seconds: float) -> Figures:
        found: dict[str, list[float]] = {name: [] for name in tokens}
        for number in range(SLICES):
            for name in tokens if number % 2 == 0 else reversed(tokens):
                found[name].append(_rate(system, calls(tokens[name]).single(hot=False), seconds / 2))
        return {
            f"security.single_per_s.{name}.{SINGLE_CONNECTIONS}c": statistics.median(rates)
            for name, rates in found.items()
        }

    return [
        Case(f"security.single.{SINGLE_CONNECTIONS}c", many, long=True),
        Case("security.cost", alternate, long=True),
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


def _rate(system: System, requests: Iterator[bytes], seconds: float) -> float:
    return http_load.run(
        port=system.direct.port,
        connections=SINGLE_CONNECTIONS,
        seconds=seconds,
        warm_up_seconds=SLICE_WARM_UP_SECONDS,
        requests=requests,
        status=HTTPStatus.CREATED,
    ).per_second
