"""Buckets of requests that all web processes share, in Valkey: the only module of this app that knows its client.

One script call takes a block from a bucket. Where Valkey is away, the answer is None, at once for a moment after a failure, and
whoever asks counts by itself.
"""

import logging
import time
from pathlib import Path
from typing import Any, NamedTuple

import redis
from django.conf import settings

from security.limits import BUCKETS_PAUSE_SECONDS, BUCKETS_TIMEOUT_SECONDS

logger = logging.getLogger(__name__)
_SCRIPT = (Path(__file__).parent / "lua" / "lease.lua").read_text(encoding="utf-8")


class Taken(NamedTuple):
    """How many requests were given, how many are left, and after how many seconds there is one, if none was given."""

    given: int
    left: int
    wait_seconds: float


class SharedBuckets:
    """The connection of one process."""

    def __init__(self) -> None:
        self._script: Any = None
        self._resting_until = 0.0

    def take(self, *, name: str, quota: int, seconds: int, want: int) -> Taken | None:
        """Take up to `want` requests from the bucket of this name; None where Valkey is away or resting."""
        if time.monotonic() < self._resting_until:
            return None
        if self._script is None:
            client = redis.Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=BUCKETS_TIMEOUT_SECONDS,
                socket_connect_timeout=BUCKETS_TIMEOUT_SECONDS,
            )
            self._script = client.register_script(_SCRIPT)
        key = f"rate:{settings.DATABASES['default']['NAME']}:{name}"
        try:
            given, left, micros = self._script(keys=[key], args=[quota, seconds, want])
        except redis.RedisError as error:
            logger.warning("Valkey does not answer (%s); requests are counted in each process for a while.", error)
            self._resting_until = time.monotonic() + BUCKETS_PAUSE_SECONDS
            return None
        return Taken(int(given), int(left), int(micros) / 1_000_000)


SHARED = SharedBuckets()
