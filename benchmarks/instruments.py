"""What timing and counting cost: the same requests to web workers with the instruments and to others without (METRICS=False).

They alternate request by request. The workers are `direct`, without group commit, so that each request pays for its own calls.
"""

import itertools
from http import HTTPStatus

from benchmarks import http_load
from benchmarks.cases import Case, Figures
from benchmarks.http import Calls
from benchmarks.http_load import Stream
from benchmarks.servers import System

# How many times the seconds of a measurement two sides alternate.
TURNS = 8
WARM_UP_CONNECTIONS, WARM_UP_SECONDS = 32, 4.0


def cases(system: System, *, token: str) -> list[Case]:
    """All cases of this group."""
    runs = itertools.count()

    def calls() -> Calls:
        return Calls(token=token, run=f"metrics-{next(runs)}")

    def measure(seconds: float) -> Figures:
        with system.direct_without_instruments() as silent:
            sides = {"on": system.direct.port, "off": silent.port}
            for port in sides.values():
                http_load.run(
                    port=port,
                    connections=WARM_UP_CONNECTIONS,
                    seconds=WARM_UP_SECONDS,
                    warm_up_seconds=0,
                    requests=calls().single(hot=False),
                    status=HTTPStatus.CREATED,
                )
            single = http_load.alternate(
                {side: Stream(port, calls().single(hot=False), HTTPStatus.CREATED) for side, port in sides.items()},
                seconds=TURNS * seconds,
            )
            batch = http_load.alternate(
                {side: Stream(port, calls().batch(), HTTPStatus.OK) for side, port in sides.items()},
                seconds=TURNS * seconds,
            )
        return {f"metrics.single_ms.{side}": value for side, value in single.items()} | {
            f"metrics.batch1000_ms.{side}": value for side, value in batch.items()
        }

    return [Case("metrics.cost", measure, long=True)]
