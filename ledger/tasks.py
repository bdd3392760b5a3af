"""The bells of the ledger: each loads nothing, makes one call, and may be rung twice or not at all without harm."""

import uuid
from typing import Any

from celery import shared_task
from django.utils import timezone

from ledger import aggregates, balances, inbox, overview, partitions
from ledger.sealing import sealer, verification

_grid_cursor = 0


@shared_task(name="ledger.tasks.aggregate")  # type: ignore[untyped-decorator]  # Celery has no types
def aggregate(**_unknown: Any) -> None:
    """Take a mark and bring every book's aggregates up to it."""
    aggregates.run()


@shared_task(name="ledger.tasks.add_partitions")  # type: ignore[untyped-decorator]  # Celery has no types
def add_partitions(**_unknown: Any) -> None:
    """Make sure that there is a partition for the next ids."""
    partitions.add()


@shared_task(name="ledger.tasks.drain_inbox")  # type: ignore[untyped-decorator]  # Celery has no types
def drain_inbox(**_unknown: Any) -> None:
    """Post what waits in the inbox."""
    inbox.drain()


@shared_task(name="ledger.tasks.check_grid")  # type: ignore[untyped-decorator]  # Celery has no types
def check_grid(**_unknown: Any) -> None:
    """Compare some cached balances with the ledger, others each time."""
    global _grid_cursor  # where this process goes on; a new one begins anew
    _grid_cursor, _ = balances.check_grid(cursor=_grid_cursor)


@shared_task(name="ledger.tasks.seal")  # type: ignore[untyped-decorator]  # Celery has no types
def seal(**_unknown: Any) -> None:
    """Seal what has become safe, sign the heads and publish them."""
    sealer.run()


@shared_task(name="ledger.tasks.distribute_heads")  # type: ignore[untyped-decorator]  # Celery has no types
def distribute_heads(**_unknown: Any) -> None:
    """Have the newest heads cosigned by witnesses, and post them where they are wanted."""
    from ledger.sealing import distribution  # noqa: PLC0415 - its HTTP client is of no use to those who only ring

    distribution.run()


@shared_task(name="ledger.tasks.refresh_overviews")  # type: ignore[untyped-decorator]  # Celery has no types
def refresh_overviews(**_unknown: Any) -> None:
    """Make the overviews of books anew, as far as they are not at rest."""
    overview.refresh(now=timezone.now())


@shared_task(name="ledger.tasks.verify")  # type: ignore[untyped-decorator]  # Celery has no types
def verify(*, mode: str = "scrub", run: str | None = None, **_unknown: Any) -> None:
    """Verify the next part of everything, or what somebody asked for."""
    verification.verify(mode=verification.Mode(mode), run=None if run is None else uuid.UUID(run))
