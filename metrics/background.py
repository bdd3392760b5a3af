"""Tasks of the workers: how many were sent, how many ran, how long; and which of these processes live. From Celery's signals."""

from time import perf_counter
from typing import Any

from celery import signals

from metrics.instruments import BELLS, PROCESSES, TASKS

_started: dict[str, float] = {}


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def worker_lives(**_unknown: Any) -> None:
    """Say that a process of the worker lives."""
    PROCESSES.labels("worker").set(1)


@signals.beat_init.connect  # type: ignore[untyped-decorator]  # Celery has no types
def beat_lives(**_unknown: Any) -> None:
    """Say that beat lives."""
    PROCESSES.labels("beat").set(1)


@signals.before_task_publish.connect  # type: ignore[untyped-decorator]  # Celery has no types
def task_sent(*, sender: str, **_unknown: Any) -> None:
    """Count a task that is sent to the workers."""
    BELLS.labels(sender).inc()


@signals.task_prerun.connect  # type: ignore[untyped-decorator]  # Celery has no types
def task_starts(*, task_id: str, **_unknown: Any) -> None:
    """Note when a task starts."""
    _started[task_id] = perf_counter()


@signals.task_postrun.connect  # type: ignore[untyped-decorator]  # Celery has no types
def task_ends(*, task_id: str, task: Any, state: str | None = None, **_unknown: Any) -> None:
    """Time a task that ended, well or not."""
    started = _started.pop(task_id, None)
    if started is not None:
        TASKS.labels(task.name, "ok" if state == "SUCCESS" else "error").observe(perf_counter() - started)
