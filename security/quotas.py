"""Quotas: how many requests, and in how many seconds they come back; written as 600/60. Knows nothing of who counts."""

from dataclasses import dataclass
from functools import lru_cache

from django.core.exceptions import ValidationError

from security.limits import LEASES_PER_SECOND, RATE_QUOTA_LIMIT, RATE_WINDOW_SECONDS_LIMIT


@dataclass(frozen=True, slots=True)
class Quota:
    """So many requests at once, and again so many within these seconds."""

    requests: int
    seconds: int

    @property
    def block(self) -> int:
        """How many a process takes at a time."""
        return max(1, self.requests // self.seconds // LEASES_PER_SECOND)


@lru_cache(maxsize=1024)
def quota_of(text: str) -> Quota:
    """Return the quota of a text such as 600/60: requests, and the seconds in which they come back. Raises ValueError."""
    requests, _, seconds = text.partition("/")
    if not (requests.isdecimal() and seconds.isdecimal() and requests.isascii() and seconds.isascii()):
        raise ValueError(f"{text} is not a rate such as 600/60.")
    quota = Quota(int(requests), int(seconds))
    if not (1 <= quota.requests <= RATE_QUOTA_LIMIT and 1 <= quota.seconds <= RATE_WINDOW_SECONDS_LIMIT):
        raise ValueError(f"{text} is out of bounds.")
    return quota


def validate_rate(value: str) -> None:
    """Refuse a text that is no rate."""
    try:
        quota_of(value)
    except ValueError as error:
        raise ValidationError(f"{error} Write requests and seconds: 600/60.", code="rate") from error
