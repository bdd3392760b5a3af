"""The bell of the metrics' history."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from metrics import history


@shared_task(name="metrics.tasks.sample")  # type: ignore[untyped-decorator]  # Celery has no types
def sample(**_unknown: Any) -> None:
    """Keep what is counted now."""
    history.sample(now=timezone.now())
