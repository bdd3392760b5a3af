"""The pace of posting: how many rows next, and how long to rest before. Pure.

A mass operation is alone most of the night and never by day. It tells by ids: those that were drawn while it posted and that
it did not draw are other people's operations. While there are any, or while messages of the critical or normal class wait, it
takes small batches, which hold the processor for some ten milliseconds, and rests as long as each took, so that single
requests always find a free half of the machine. Alone, it takes large batches without rest.
"""

from typing import NamedTuple

from massops.limits import POST_ROWS, POST_ROWS_BESIDE_OTHERS

# How long to rest beside others, as a share of the time that the last batch took.
REST_SHARES = {"critical": 0.0, "normal": 0.5, "bulk": 1.0}
# Others are believed to be gone after so many batches without any of theirs.
QUIET_BATCHES = 20


class Pace(NamedTuple):
    """How to go on: rows of the next batch, seconds to rest before it, and how many batches ago others were seen."""

    rows: int
    rest_seconds: float
    quiet_batches: int


START = Pace(POST_ROWS_BESIDE_OTHERS, 0.0, QUIET_BATCHES - 2)


def next_pace(pace: Pace, *, priority: str, drawn: int, own: int, is_waiting: bool, seconds: float) -> Pace:
    """Return how to go on after a batch: `drawn` ids in all since the batch before, `own` of them for this mass operation."""
    quiet = 0 if drawn > own or is_waiting else pace.quiet_batches + 1
    if quiet >= QUIET_BATCHES or priority == "critical":
        return Pace(POST_ROWS, 0.0, quiet)
    return Pace(POST_ROWS_BESIDE_OTHERS, seconds * REST_SHARES[priority], quiet)
