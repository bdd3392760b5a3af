"""Single posts over HTTP while a mass operation is being posted, and without one: how long clients wait because of it.

The mass operation has more rows than can be posted in the measured time, so it is at work to the end; its worker is a process of
its own, as in production, and takes the pace that it takes beside others (massops/pace.py).
"""

import json
import tempfile
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from benchmarks import http_load, massops
from benchmarks.cases import Case, Figures, MeasurementFailedError
from benchmarks.http import Calls
from benchmarks.servers import Numbers, System
from benchmarks.together import run_together

CONNECTIONS = 8
# Long enough for some thousands of answers: a p99 of a few hundred is a matter of luck.
SECONDS_LEAST = 10.0
WARM_UP_SECONDS = 3.0
# More than a quiet machine posts without anybody beside it.
ROWS_PER_SECOND = 25_000


def cases(system: System, *, token: str) -> list[Case]:
    """The one case."""
    numbers = system.numbers("bench")

    def measure(seconds: float) -> Figures:
        seconds = max(seconds, SECONDS_LEAST)
        figures: Figures = {}
        for name, rows in (("alone", 0), ("beside", round((seconds + WARM_UP_SECONDS) * ROWS_PER_SECOND))):
            with tempfile.TemporaryDirectory() as folder:
                works: list[tuple[str, tuple[Any, ...]]] = [
                    ("load", (system.merged.port, token, name, seconds, folder))
                ]
                works += [("mass", (system.environment, numbers, rows, folder))] if rows else []
                run_together(_prepare, works)
                found = json.loads((Path(folder) / "load").read_text(encoding="utf-8"))
                if rows and float((Path(folder) / "mass").read_text(encoding="utf-8")) < seconds + WARM_UP_SECONDS:
                    raise MeasurementFailedError("the mass operation ended before the load beside it.")
            figures |= {f"massops.single_{figure}.{name}": value for figure, value in found.items()}
        return figures

    return [Case("massops.beside", measure, long=True)]


def _prepare(kind: str, arguments: tuple[Any, ...]) -> Callable[[], int]:
    return _prepare_load(*arguments) if kind == "load" else _prepare_mass(*arguments)


def _prepare_load(port: int, token: str, name: str, seconds: float, folder: str) -> Callable[[], int]:
    calls = Calls(token=token, run=f"{name}-{Path(folder).name}")

    def run() -> int:
        load = http_load.run(
            port=port,
            connections=CONNECTIONS,
            seconds=seconds,
            warm_up_seconds=WARM_UP_SECONDS,
            requests=calls.single(hot=False),
            status=HTTPStatus.CREATED,
        )
        found = {"per_s": load.per_second, "p50_ms": load.percentile_ms(0.5), "p99_ms": load.percentile_ms(0.99)}
        (Path(folder) / "load").write_text(json.dumps(found), encoding="utf-8")
        return load.answers

    return run


def _prepare_mass(environment: dict[str, str], numbers: Numbers, rows: int, folder: str) -> Callable[[], int]:
    post = massops.prepare_post(environment, numbers, rows, str(Path(folder) / "memory"))

    def run() -> int:
        started = time.monotonic()
        posted = post()
        (Path(folder) / "mass").write_text(str(time.monotonic() - started), encoding="utf-8")
        return posted

    return run
