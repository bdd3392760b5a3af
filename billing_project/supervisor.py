"""Keeps the processes of the product running: starts them, restarts one that dies, stops them in order.

Promises: a child that keeps dying is retried ever more slowly and then given up; children of a supervisor that was
killed are found again (by the state folder in their environment) and stopped before new ones start.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

# Marks every process below us, also those that our children start, with the state folder they belong to.
MARK = "BILLING_SUPERVISED_STATE"
# The first retry is soon, because most deaths are single; the doubling keeps a broken start from eating the machine.
RESTART_SECONDS_FIRST, RESTART_SECONDS_MAX = 1.0, 30.0
# A child that lived this long was healthy: its next death counts as the first again.
HEALTHY_SECONDS = 60.0
# Deaths in a row before we give up: with the doubling above, about two minutes of trying.
DEATHS_MAX = 8
# Longer than granian waits for requests in flight (see run.py) and than a task of the worker should take.
STOP_SECONDS_MAX = 30.0
POLL_SECONDS = 0.1


class GivenUpError(Exception):
    """A child died too often; the text is one sentence for the person at the terminal."""


@dataclass
class Child:
    """One supervised process and its history."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restart_due: float = 0.0
    deaths: int = 0


def start(child: Child) -> None:
    """Start the process in a session of its own: Ctrl-C reaches only the supervisor, which then stops in order."""
    with child.log.open("ab") as output:
        os.fchmod(output.fileno(), 0o600)
        child.process = subprocess.Popen(  # noqa: S603 - the command is a constant of run.py
            list(child.command),
            cwd=child.folder,
            env=dict(child.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    child.started = time.monotonic()


def tend(child: Child) -> str | None:
    """Notice a death or restart when it is due; return the line that tells of it. Fails when it died too often."""
    now = time.monotonic()
    if child.process is None:
        if now < child.restart_due:
            return None
        start(child)
        return f"{child.name} is started again"
    code = child.process.poll()
    if code is None:
        return None
    child.process = None
    child.deaths = 1 if now - child.started > HEALTHY_SECONDS else child.deaths + 1
    if child.deaths >= DEATHS_MAX:
        raise GivenUpError(f"{child.name} ended {child.deaths} times in a row: see {child.log}.")
    wait = min(RESTART_SECONDS_FIRST * 2 ** (child.deaths - 1), RESTART_SECONDS_MAX)
    child.restart_due = now + wait
    return f"{child.name} ended ({exit_reason(code)}), starts again in {wait:.0f} s: see {child.log}"


def stop(child: Child) -> None:
    """Ask the process to end, then end it and all that it started."""
    if child.process is None:
        return
    child.process.terminate()
    try:
        child.process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        # The leader is ours and not waited for yet, so its group cannot be somebody else's.
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
    child.process = None


def leftovers(state_dir: Path) -> list[psutil.Process]:
    """Return the living processes that a supervisor of this state folder started, directly or not."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            marked = process.environ().get(MARK) == str(state_dir)
            if marked and process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                found.append(process)
    return found


def stop_leftovers(state_dir: Path) -> int:
    """Stop what an earlier supervisor left behind; return how many processes there were."""
    processes = leftovers(state_dir)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=STOP_SECONDS_MAX)
    # Also those that were started while we waited.
    for process in {*stubborn, *leftovers(state_dir)}:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return len(processes)


def exit_reason(code: int) -> str:
    """Say how a process ended."""
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
