"""Where counts live when several processes count: one file for each process and kind of instrument, added up at a scrape.

The files are prometheus_client's, in the folder PROMETHEUS_MULTIPROC_DIR, which the supervisor empties at its start. What a
process counted stays when it dies; what it said of itself while it lived (gauges of the kind `live`) goes at the next scrape.
"""

import os
from pathlib import Path
from typing import Any

import psutil
from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


class _Uncounted:
    """What takes the place of every value where METRICS is off: it keeps nothing."""

    _multiprocess = False

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        """Take what a value takes."""

    def inc(self, _amount: float) -> None:
        """Count nothing."""

    def set(self, _value: float, timestamp: float | None = None) -> None:
        """Keep nothing."""

    def get(self) -> float:
        """Return zero."""
        return 0.0

    def get_exemplar(self) -> None:
        """Return nothing."""


class _ProcessId:
    """The id of this process, asked of the system once for each fork: a call for each count would cost as much as the count."""

    def __init__(self) -> None:
        self._id = os.getpid()
        os.register_at_fork(after_in_child=self._forked)

    def __call__(self) -> int:
        return self._id

    def _forked(self) -> None:
        self._id = os.getpid()


def choose_storage(*, enabled: bool) -> None:
    """Say how every instrument that is made from now on keeps its values: files where there are several processes."""
    if not enabled:
        values.ValueClass = _Uncounted
    elif FOLDER_VARIABLE in os.environ:
        # Also for a command that runs before the supervisor has emptied it, such as migrate.
        Path(os.environ[FOLDER_VARIABLE]).mkdir(parents=True, exist_ok=True)
        values.ValueClass = values.MultiProcessValue(_ProcessId())  # type: ignore[no-untyped-call]  # the library has no types here


def folder() -> Path | None:
    """Return the folder of the files, or None where this process counts for itself alone."""
    path = os.environ.get(FOLDER_VARIABLE)
    return Path(path) if path else None


def forget_the_dead() -> None:
    """Drop what processes said of themselves that no longer live, also those that were killed and could not say goodbye."""
    if (path := folder()) is None:
        return
    for file in path.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not _lives(pid):
            mark_process_dead(pid, str(path))  # type: ignore[no-untyped-call]  # the library has no types here


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
