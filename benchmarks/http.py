"""The service as its clients see it: granian, Django, the REST API, one machine with its client on it.

Single posts, batches of 1,000 and balances, each answer checked. The load comes from http_load.py.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import httpx

from benchmarks import http_load
from benchmarks.cases import Case, Figures, MeasurementFailedError
from benchmarks.servers import System

ACCOUNTS = 10_000
# So few that nearly every read finds its balance in the grid; over all accounts nearly every read is a first one.
READ_ACCOUNTS = 200
UNIT = "EUR"
BATCH_OPERATIONS = 1000
# An answer to a batch comes a few times a second: it is measured for long enough to count some dozens.
OPERATIONS_PER_SECOND_LEAST = 500
# Threads of the web workers end when they idle, and their database connections with them; new ones plan their
# statements first.
WARM_UP_SECONDS = 1.0
OPEN_SECONDS_MAX = 120.0


@dataclass(frozen=True)
class Calls:
    """Endless requests of each kind, ready for the wire; every key is new."""

    token: str
    run: str

    def single(self, *, hot: bool) -> Iterator[bytes]:
        """One operation of one entry in a request."""
        for number in itertools.count():
            body = b'{"entries":[{"account":"%s","amount":"12.34"}],"description":"invoice"}' % _code(hot=hot)
            key = f"Idempotency-Key: {self.run}-{number}\r\n"
            yield http_load.request_bytes("POST", "/api/v1/operations", token=self.token, body=body, headers=key)

    def batch(self) -> Iterator[bytes]:
        """A thousand operations of one entry in a request, each account chosen at random."""
        for number in itertools.count():
            operations = b",".join(
                b'{"key":"%s-%d-%d","entries":[{"account":"%s","amount":"12.34"}],"description":"invoice"}'
                % (self.run.encode(), number, item, _code(hot=False))
                for item in range(BATCH_OPERATIONS)
            )
            body = b'{"mode":"each","operations":[' + operations + b"]}"
            yield http_load.request_bytes("POST", "/api/v1/batches", token=self.token, body=body)

    def balance(self, *, accounts: int) -> Iterator[bytes]:
        """The balance of an account chosen at random among the first so many."""
        while True:
            path = f"/api/v1/accounts/bench:{random.randint(1, accounts)}/balance"
            yield http_load.request_bytes("GET", path, token=self.token)


def open_accounts(system: System, token: str) -> None:
    """Open the benchmark's accounts through the API, as any client would."""
    accounts = [{"code": f"bench:{number}", "unit": UNIT} for number in range(1, ACCOUNTS + 1)]
    response = httpx.post(
        f"http://127.0.0.1:{system.web_port}/api/v1/accounts/batch",
        headers={"Authorization": f"Bearer {token}"},
        json={"accounts": accounts},
        timeout=OPEN_SECONDS_MAX,
    )
    results = response.raise_for_status().json()["results"]
    if {result["status"] for result in results} != {"created"}:
        raise MeasurementFailedError(f"the accounts were not opened: {json.dumps(results[:3])}")


def cases(system: System, *, token: str) -> list[Case]:
    """All cases of this group."""
    runs = itertools.count()

    def calls() -> Calls:
        return Calls(token=token, run=f"http-{next(runs)}")

    def all_created(body: bytes) -> bool:
        return body.count(b'"created"') == BATCH_OPERATIONS

    def single(connections: int, place: str) -> Case:
        suffix = f".{connections}c" if place == "spread" else f".{place}.{connections}c"
        return Case(
            f"http.single{suffix}",
            _measure(
                system,
                "single",
                suffix,
                connections=connections,
                requests=lambda: calls().single(hot=place == "hot"),
                status=HTTPStatus.CREATED,
            ),
        )

    def balance(suffix: str, accounts: int) -> Case:
        requests = partial(calls().balance, accounts=accounts)
        return Case(
            f"http.balance_get{suffix}", _measure(system, "balance_get", suffix, connections=32, requests=requests)
        )

    def livez() -> Iterator[bytes]:
        return itertools.repeat(http_load.request_bytes("GET", "/livez", token=token))

    return [
        Case("http.livez", _measure(system, "livez", "", connections=32, requests=livez)),
        single(1, "spread"),
        single(32, "spread"),
        single(32, "hot"),
        single(64, "spread"),
        Case(
            "http.batch1000",
            _measure(
                system,
                "batch1000",
                "",
                connections=4,
                requests=lambda: calls().batch(),
                check=all_created,
                operations=BATCH_OPERATIONS,
            ),
        ),
        balance("", READ_ACCOUNTS),
        balance(".cold", ACCOUNTS),
    ]


def _measure(
    system: System,
    kind: str,
    suffix: str,
    *,
    connections: int,
    requests: Callable[[], Iterator[bytes]],
    status: HTTPStatus = HTTPStatus.OK,
    check: Callable[[bytes], bool] = bool,
    operations: int = 1,
) -> Callable[[float], Figures]:
    """A measurement of this group: so many operations count for each answer."""

    def measure(seconds: float) -> Figures:
        database_before, web_before = system.database_cpu_seconds(), system.web_cpu_seconds()
        load = http_load.run(
            port=system.web_port,
            connections=connections,
            seconds=max(seconds, operations / OPERATIONS_PER_SECOND_LEAST),
            warm_up_seconds=WARM_UP_SECONDS,
            requests=requests(),
            status=status,
            check=check,
        )
        done = load.answers_in_all * operations
        name = f"http.{kind}_per_s{suffix}"
        return {
            name: load.per_second * operations,
            f"http.{kind}_p50_ms{suffix}": load.percentile_ms(0.5),
            f"http.{kind}_p99_ms{suffix}": load.percentile_ms(0.99),
            f"cpu.client_share.{name}": system.share(load.client_cpu_seconds, load.seconds),
            f"cpu.web_us.{name}": 1e6 * (system.web_cpu_seconds() - web_before) / done,
            f"cpu.database_us.{name}": 1e6 * (system.database_cpu_seconds() - database_before) / done,
            "http.web_memory_mb": system.web_memory_mb(),
        }

    return measure


def _code(*, hot: bool) -> bytes:
    return b"bench:1" if hot else b"bench:%d" % random.randint(1, ACCOUNTS)
