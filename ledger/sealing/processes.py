"""Processes that share the work of a verification. Importable before Django is set up, because a new process begins here."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import django
from django.db import connection


@contextmanager
def workers_sharing(processes: int) -> Iterator[ProcessPoolExecutor | None]:
    """So many processes to share the work; None where this one does all."""
    if processes <= 1:
        yield None
        return
    # A fork has everything imported, which takes longer than verifying a hundred thousand operations; it is safe only while
    # no other thread can hold a lock.
    method, initializer = ("fork", _leave_connection) if _is_alone() else ("spawn", _work_in)
    context = multiprocessing.get_context(method)
    place = (str(connection.settings_dict["NAME"]),)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=initializer, initargs=place) as workers:
        yield workers


def _is_alone() -> bool:
    """Whether this process has one thread; where that cannot be told, it is taken to have more."""
    threads = Path("/proc/self/task")
    return threads.is_dir() and len(list(threads.iterdir())) == 1


def _leave_connection(_database: str) -> None:
    """Leave the connection to the process that this one was forked from: psycopg closes it nowhere else."""
    connection.connection = None


def _work_in(database: str) -> None:
    """Set Django up, to work in the database in which the process works that shares its work."""
    django.setup()
    connection.settings_dict["NAME"] = database
