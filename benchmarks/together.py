"""Work in several processes at once: each prepares in its own time, then all start together and are timed alone."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.cases import MeasurementFailedError

# Preparing builds parameters for some seconds of work; running takes those seconds.
STEP_SECONDS_MAX = 120.0

# Prepares when called and returns what is to be timed, which answers with the number of items it has done.
Work = Callable[..., Callable[[], int]]


@dataclass(frozen=True)
class Done:
    """What all processes did together, from the first start to the last end."""

    items: int
    seconds: float
    client_cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Items in a second, over all processes."""
        return self.items / self.seconds


def run_together(work: Work, arguments: list[tuple[Any, ...]]) -> Done:
    """Run the work once for each tuple of arguments, each in a new process."""
    context = multiprocessing.get_context("spawn")
    lanes: list[Connection] = []
    processes = []
    for some in arguments:
        ours, theirs = context.Pipe()
        process = context.Process(target=_worker, args=(theirs, work, some))
        process.start()
        theirs.close()
        lanes.append(ours)
        processes.append(process)
    try:
        for lane in lanes:
            _receive(lane)  # ready
        for lane in lanes:
            lane.send("go")
        shares = [_receive(lane) for lane in lanes]
    finally:
        for process in processes:
            process.join(1)
            process.kill()
    started, ended = min(share[1] for share in shares), max(share[2] for share in shares)
    return Done(
        items=sum(share[0] for share in shares),
        seconds=ended - started,
        client_cpu_seconds=sum(share[3] for share in shares),
    )


def _worker(lane: Connection, work: Work, arguments: tuple[Any, ...]) -> None:
    run = work(*arguments)
    lane.send("ready")
    lane.recv()
    cpu, started = time.process_time(), time.monotonic()
    items = run()
    lane.send((items, started, time.monotonic(), time.process_time() - cpu))


def _receive(lane: Connection) -> Any:
    try:
        if lane.poll(STEP_SECONDS_MAX):
            return lane.recv()
    except EOFError as error:
        raise MeasurementFailedError("a load process ended early; its traceback is above.") from error
    raise MeasurementFailedError(f"a load process did not answer within {STEP_SECONDS_MAX:.0f} seconds.")
