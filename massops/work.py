"""The worker's loop: takes mass operations in turn and gives each a slice of time, until there is nothing to do."""

import logging
import time
import uuid

from massops import checking, lifecycle, posting
from massops.limits import RETRIES_MAX, RUN_SECONDS_MAX
from massops.models import MassOperation, State

logger = logging.getLogger(__name__)


def work() -> int:
    """Work until nothing is left or this run has done its share; return how many slices were worked."""
    slices, ends = 0, time.monotonic() + RUN_SECONDS_MAX
    while time.monotonic() < ends:
        owner = uuid.uuid4()
        claimed = lifecycle.claim(owner=owner)
        if claimed is None:
            break
        slices += 1
        work_at(mass_operation_id=claimed, owner=owner)
    return slices


def work_at(*, mass_operation_id: int, owner: uuid.UUID) -> None:
    """Give one mass operation a slice of time, under the lease of this owner."""
    found = MassOperation.objects.select_related("file", "reverses__file").get(id=mass_operation_id)
    try:
        if found.state == State.CHECKING:
            _check(found, owner)
        else:
            posting.run(mass_operation=found, owner=owner)
        lifecycle.release(mass_operation_id=found.id, owner=owner)
    except lifecycle.LeaseLost:
        logger.info("Mass operation %s was cancelled or taken over.", found.id)
    finally:
        lifecycle.end_limit()


def _check(found: MassOperation, owner: uuid.UUID) -> None:
    """Check, unless earlier attempts never came to an end: then a person has to look."""
    with lifecycle.locked(mass_operation_id=found.id, source_id=found.source_id, reason="worker", owner=owner) as fresh:
        fresh.failures += 1
        if fresh.failures > RETRIES_MAX:
            fresh.state, fresh.lease_owner = State.FAILED, None
            fresh.failure = "The check ended several times without a result; the log says why."
        fresh.save()
    if fresh.state == State.CHECKING:
        checking.run(mass_operation=found, owner=owner)
