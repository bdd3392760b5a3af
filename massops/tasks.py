"""The bells of mass operations: what is to be done stands in the table, so a lost ring is rung again by beat."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from massops import deciding, files
from massops.work import work as work_through


@shared_task(name="massops.tasks.work")  # type: ignore[untyped-decorator]  # Celery has no types
def work(**_unknown: Any) -> None:
    """Check and post what waits."""
    deciding.take_back(now=timezone.now())
    work_through()


@shared_task(name="massops.tasks.sweep")  # type: ignore[untyped-decorator]  # Celery has no types
def sweep(**_unknown: Any) -> None:
    """Delete what uploads that broke off left behind."""
    files.sweep()
