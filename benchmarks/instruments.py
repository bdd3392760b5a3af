"""What timing and counting cost: the same requests to web workers with the instruments and to others without (METRICS=False).

Both take turns in short slices, forwards and backwards, so that a drift of the machine meets both alike. They are
`direct` workers, without group commit, so that each request pays for its own calls.
"""

import itertools
import statistics
from collections.abc import Callable, Iterator
from http import HTTPStatus

from benchmarks import http_load
from benchmarks.cases import Case, Figures
from benchmarks.http import BATCH_OPERATIONS, Calls
from benchmarks.servers import System, Web

SLICES = 6
SLICE_WARM_UP_SECONDS = 0.3
# Batches are few a second, so a slice of them must be longer.
BATCH_SLICE_SECONDS_LEAST = 2.0
WARM_UP_SECONDS = 4.0
SINGLE_CONNECTIONS, BATCH_CONNECTIONS = 32, 1


def cases(system: System, *, token: str) -> list[Case]:
    """All cases of this group."""
    runs = itertools.count()

    def measure(seconds: float) -> Figures:
        with system.direct_without_instruments() as silent:
            for web in (system.direct, silent):
                _load(web, _singles(token, next(runs)), SINGLE_CONNECTIONS, WARM_UP_SECONDS, HTTPStatus.CREATED)
            single = _in_turns(
                system.direct,
                silent,
                lambda web: _load(
                    web, _singles(token, next(runs)), SINGLE_CONNECTIONS, seconds / 2, HTTPStatus.CREATED
                ),
            )
            batch = _in_turns(
                system.direct,
                silent,
                lambda web: _load(
                    web,
                    Calls(token=token, run=f"metrics-{next(runs)}").batch(),
                    BATCH_CONNECTIONS,
                    max(seconds, BATCH_SLICE_SECONDS_LEAST),
                    HTTPStatus.OK,
                ),
            )
        return {
            "metrics.single_per_s.on": single[0],
            "metrics.single_per_s.off": single[1],
            "metrics.batch1000_per_s.on": batch[0] * BATCH_OPERATIONS,
            "metrics.batch1000_per_s.off": batch[1] * BATCH_OPERATIONS,
        }

    return [Case("metrics.cost", measure, long=True)]


def _in_turns(on: Web, off: Web, load: Callable[[Web], float]) -> tuple[float, float]:
    """Return the median rates of both over all slices."""
    rates: dict[int, list[float]] = {on.port: [], off.port: []}
    for number in range(SLICES):
        for web in (on, off) if number % 2 == 0 else (off, on):
            rates[web.port].append(load(web))
    return statistics.median(rates[on.port]), statistics.median(rates[off.port])


def _singles(token: str, number: int) -> Iterator[bytes]:
    return Calls(token=token, run=f"metrics-{number}").single(hot=False)


def _load(web: Web, requests: Iterator[bytes], connections: int, seconds: float, status: HTTPStatus) -> float:
    return http_load.run(
        port=web.port,
        connections=connections,
        seconds=seconds,
        warm_up_seconds=SLICE_WARM_UP_SECONDS,
        requests=requests,
        status=status,
    ).per_second
