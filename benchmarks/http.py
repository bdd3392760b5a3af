"""The service as its clients see it: granian, Django, the REST API, one machine with its client on it.

Single posts, batches of 1,000, balances and history, each answer checked. The load comes from http_load.py. `merged` are web
workers as `make run` starts them, `direct` the same without group commit.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

import httpx
import psutil

from benchmarks import batches, http_load
from benchmarks.cases import Case, Figures, MeasurementFailedError
from benchmarks.servers import System, Web

ACCOUNTS = 10_000
# So few that nearly every read finds its balance in the grid; over all accounts nearly every read is a first one.
READ_ACCOUNTS = 200
# Accounts are numbered in the order of their codes, so these are the first ones.
READ_CODES = sorted(f"bench:{number}" for number in range(1, ACCOUNTS + 1))[:READ_ACCOUNTS]
UNIT = "EUR"
BATCH_OPERATIONS = 1000
HISTORY_ROWS = 100
# So many that each of READ_ACCOUNTS has a full page of history.
HISTORY_BATCHES = 40
CONNECTIONS = (1, 32, 64)
# An answer to a batch comes a few times a second: it is measured for long enough to count some dozens.
OPERATIONS_PER_SECOND_LEAST = 500
WARM_UP_SECONDS = 1.0
# Each thread of the web workers has a connection, which plans its statements once, for a tenth of a second of CPU.
FIRST_WARM_UP_SECONDS = 4.0
# In so long each process gets some dozens of batches, and ten name every account once.
KNOWN_WARM_UP_SECONDS, KNOWN_CONNECTIONS = 6.0, 8
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

    def all_accounts(self) -> Iterator[bytes]:
        """Batches that name every account in turn, over and over."""
        for number in itertools.count():
            first = number * BATCH_OPERATIONS % ACCOUNTS
            operations = b",".join(
                b'{"key":"%s-all-%d-%d","entries":[{"account":"bench:%d","amount":"12.34"}]}'
                % (self.run.encode(), number, item, first + item + 1)
                for item in range(BATCH_OPERATIONS)
            )
            body = b'{"mode":"each","operations":[' + operations + b"]}"
            yield http_load.request_bytes("POST", "/api/v1/batches", token=self.token, body=body)

    def balance(self, codes: Sequence[str]) -> Iterator[bytes]:
        """The balance of one of the accounts, chosen at random."""
        while True:
            path = f"/api/v1/accounts/{random.choice(codes)}/balance"
            yield http_load.request_bytes("GET", path, token=self.token)

    def history(self) -> Iterator[bytes]:
        """The newest page of an account's history."""
        while True:
            path = f"/api/v1/accounts/{random.choice(READ_CODES)}/entries?limit={HISTORY_ROWS}"
            yield http_load.request_bytes("GET", path, token=self.token)

    def livez(self) -> Iterator[bytes]:
        """What asks nothing of the ledger."""
        return itertools.repeat(http_load.request_bytes("GET", "/livez", token=self.token))


@dataclass(frozen=True)
class _Kind:
    """What one measurement sends and what each answer must be; so many operations count for each."""

    name: str
    requests: Callable[[Calls], Iterator[bytes]]
    status: HTTPStatus = HTTPStatus.OK
    check: Callable[[bytes], bool] = bool
    operations: int = 1


def open_accounts(system: System, token: str) -> None:
    """Open the benchmark's accounts through the API, as any client would."""
    accounts = [{"code": f"bench:{number}", "unit": UNIT} for number in range(1, ACCOUNTS + 1)]
    response = httpx.post(
        f"http://127.0.0.1:{system.merged.port}/api/v1/accounts/batch",
        headers={"Authorization": f"Bearer {token}"},
        json={"accounts": accounts},
        timeout=OPEN_SECONDS_MAX,
    )
    results = response.raise_for_status().json()["results"]
    if {result["status"] for result in results} != {"created"}:
        raise MeasurementFailedError(f"the accounts were not opened: {json.dumps(results[:3])}")


def cases(system: System, *, token: str) -> list[Case]:
    """All cases of this group; gives the accounts that are read some history."""
    numbers = system.numbers("bench")
    read = replace(numbers, last_account=numbers.first_account + READ_ACCOUNTS - 1)
    batches.prepare(system.addresses.superuser_url, read, 1000, 1, HISTORY_BATCHES)()
    runs = itertools.count()
    warmed: set[Web] = set()

    def case(kind: _Kind, web: str, connections: int, suffix: str, *, long: bool = False) -> Case:
        def measure(seconds: float) -> Figures:
            calls = Calls(token=token, run=f"http-{next(runs)}")
            target = system.merged if web == "merged" else system.direct
            if target not in warmed:
                _warm_up(target, replace(calls, run=f"warm-{next(runs)}"))
                warmed.add(target)
            return _measure(system, target, kind, calls, connections, seconds, suffix)

        return Case(f"http.{kind.name}{suffix}", measure, long=long)

    found = [case(_Kind("livez", Calls.livez), "merged", 32, "", long=True)]
    for web in ("direct", "merged"):
        for place, hot in (("spread", False), ("hot", True)):
            single = _Kind("single", lambda calls, hot=hot: calls.single(hot=hot), HTTPStatus.CREATED)  # type: ignore[misc] # bound now
            for connections in CONNECTIONS:
                short = (web, connections) in {("direct", 32), ("merged", 64)}
                suffix = f".{web}.{place}.{connections}c"
                found.append(case(single, web, connections, suffix, long=not short))
    batch = _Kind("batch1000", Calls.batch, HTTPStatus.OK, _all_created, BATCH_OPERATIONS)
    warm = _Kind("balance_get", lambda calls: calls.balance(READ_CODES))
    cold = _Kind("balance_get", lambda calls: calls.balance([f"bench:{number}" for number in range(1, ACCOUNTS + 1)]))
    history = _Kind("history_get", Calls.history, HTTPStatus.OK, _full_page)
    for connections, suffix, long in ((1, ".1c", True), (32, "", False), (64, ".64c", True)):
        found.append(case(warm, "merged", connections, suffix, long=long))
        found.append(case(history, "merged", connections, suffix, long=long))
    found.append(case(cold, "merged", 32, ".cold", long=True))
    found.append(case(batch, "merged", 1, ".1c", long=True))
    found.append(case(batch, "merged", 4, ""))
    return found


def _all_created(body: bytes) -> bool:
    return body.count(b'"created"') == BATCH_OPERATIONS


def _full_page(body: bytes) -> bool:
    return body.count(b'"effective_at"') == HISTORY_ROWS


def _warm_up(web: Web, calls: Calls) -> None:
    """Let every thread post once at least, and both processes learn the accounts, as those that have run for an hour have."""
    http_load.run(
        port=web.port,
        connections=KNOWN_CONNECTIONS,
        seconds=KNOWN_WARM_UP_SECONDS,
        warm_up_seconds=0.0,
        requests=calls.all_accounts(),
        status=HTTPStatus.OK,
        check=_all_created,
    )
    http_load.run(
        port=web.port,
        connections=max(CONNECTIONS),
        seconds=FIRST_WARM_UP_SECONDS,
        warm_up_seconds=0.0,
        requests=calls.single(hot=False),
        status=HTTPStatus.CREATED,
    )


def _measure(
    system: System, web: Web, kind: _Kind, calls: Calls, connections: int, seconds: float, suffix: str
) -> Figures:
    database_before, web_before = system.database_cpu_seconds(), web.cpu_seconds()
    load = http_load.run(
        port=web.port,
        connections=connections,
        seconds=max(seconds, kind.operations / OPERATIONS_PER_SECOND_LEAST),
        warm_up_seconds=WARM_UP_SECONDS,
        requests=kind.requests(calls),
        status=kind.status,
        check=kind.check,
    )
    done = load.answers_in_all * kind.operations
    name = f"http.{kind.name}_per_s{suffix}"
    return {
        name: load.per_second * kind.operations,
        f"http.{kind.name}_p50_ms{suffix}": load.percentile_ms(0.5),
        f"http.{kind.name}_p99_ms{suffix}": load.percentile_ms(0.99),
        f"cpu.client_share.{name}": system.share(load.client_cpu_seconds, load.seconds),
        f"cpu.web_us.{name}": 1e6 * (web.cpu_seconds() - web_before) / done,
        f"cpu.database_us.{name}": 1e6 * (system.database_cpu_seconds() - database_before) / done,
        **_memory(web.workers(), "merged" if web == system.merged else "direct"),
    }


def _memory(workers: list[psutil.Process], which: str) -> Figures:
    """Memory of the workers together: each shared page counted once (PSS) where the system tells it, else for each of them."""
    try:
        return {f"http.web_memory_pss_mb.{which}": sum(w.memory_full_info().pss for w in workers) / 2**20}
    except (psutil.AccessDenied, AttributeError):
        return {f"http.web_memory_rss_mb.{which}": sum(w.memory_info().rss for w in workers) / 2**20}


def _code(*, hot: bool) -> bytes:
    return b"bench:1" if hot else b"bench:%d" % random.randint(1, ACCOUNTS)
