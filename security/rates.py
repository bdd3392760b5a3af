"""How many requests a client may make: a bucket for each client and class of scopes, shared by all processes.

A bucket holds a quota and fills again within some seconds, so a client may use all of it at once and then goes on at the rate
at which it fills. A process takes from the shared bucket in small blocks (a twentieth of a second's worth), so most requests
ask nobody. What is taken has left the bucket: all processes together never give more than the bucket held. A block that is not
used within LEASE_SECONDS lapses. So in any time T at most quota + rate * (T + LEASE_SECONDS) requests pass, and when a client
is spread over processes, up to one block for each may lapse unused. Quotas without 20 requests a second are exact, by a
round trip each. While Valkey is away each process gives its share of the quota: exact for one machine.
"""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views import View
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from security.limits import BUCKETS_IN_PROCESS_LIMIT, LEASE_SECONDS
from security.networks import Address, origin_of
from security.queries import Credential
from security.quotas import Quota, quota_of
from security.scopes import scope_needed
from security.shared_buckets import SHARED, SharedBuckets, Taken

READ, WRITE = "read", "write"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, and what the headers say of it."""

    allowed: bool
    name: str
    quota: Quota
    left: int
    wait_seconds: float

    def headers(self) -> dict[str, str]:
        """RateLimit and RateLimit-Policy of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-10)."""
        until = self.wait_seconds or (self.quota.requests - self.left) * self.quota.seconds / self.quota.requests
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota.requests};w={self.quota.seconds}',
            "RateLimit": f'"{self.name}";r={self.left};t={math.ceil(until)}',
        }


class Bucket:
    """What one process holds of one bucket."""

    def __init__(
        self, name: str, label: str, quota: Quota, *, clock: Callable[[], float], shared: SharedBuckets
    ) -> None:
        self.quota = quota
        self._name, self._label = name, label
        self._clock, self._shared = clock, shared
        self._lock = threading.Lock()
        self._held, self._left, self._lapses_at, self._closed_until = 0, quota.requests, 0.0, 0.0
        self._own_level, self._own_at = float(self._own_size), clock()

    def take(self) -> Verdict:
        """Let one request pass, or say how long it must wait."""
        with self._lock:
            now = self._clock()
            if now >= self._lapses_at:
                self._held = 0
            if self._held == 0 and now >= self._closed_until:
                self._fetch(now)
            if self._held == 0:
                return Verdict(False, self._label, self.quota, 0, max(0.001, self._closed_until - now))  # noqa: FBT003 - a field
            self._held -= 1
            return Verdict(True, self._label, self.quota, self._left + self._held, 0.0)  # noqa: FBT003

    def _fetch(self, now: float) -> None:
        quota = self.quota
        taken = self._shared.take(name=self._name, quota=quota.requests, seconds=quota.seconds, want=quota.block)
        taken = taken or self._take_own(now)
        self._held, self._left = taken.given, taken.left
        self._lapses_at, self._closed_until = now + LEASE_SECONDS, now + taken.wait_seconds

    @property
    def _own_size(self) -> int:
        workers: int = settings.WEB_WORKERS
        return max(1, self.quota.requests // workers)

    def _take_own(self, now: float) -> Taken:
        """The same without Valkey, from this process's share."""
        each = self.quota.seconds / self._own_size
        self._own_level = min(self._own_size, self._own_level + (now - self._own_at) / each)
        self._own_at = now
        given = min(self.quota.block, int(self._own_level))
        self._own_level -= given
        return Taken(given, int(self._own_level), 0.0 if given else (1 - self._own_level) * each)


class Buckets:
    """The buckets of this process, by name."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, shared: SharedBuckets = SHARED) -> None:
        self._clock, self._shared = clock, shared
        self._buckets: dict[str, Bucket] = {}

    def take(self, *, name: str, label: str, quota: Quota) -> Verdict:
        """Let one request pass a bucket, or say how long it must wait; a changed quota is a new bucket."""
        bucket = self._buckets.get(name)
        if bucket is None or bucket.quota != quota:
            if len(self._buckets) >= BUCKETS_IN_PROCESS_LIMIT:
                self._buckets.clear()  # what is forgotten here is still counted in Valkey
            bucket = self._buckets[name] = Bucket(name, label, quota, clock=self._clock, shared=self._shared)
        return bucket.take()


BUCKETS = Buckets()


class TooMany(Exception):  # noqa: N818 - an answer, not a defect
    """A call is refused because there were too many of its kind; the verdict says when to call again."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.name)
        self.verdict = verdict


def count_failure(*, address: Address | None) -> None:
    """Count a call that could not be authenticated, against its origin. Raises TooMany where there were too many.

    Called after the credentials were looked at and found wrong: so nobody who has good ones is ever refused because of
    somebody else at the same address.
    """
    _count(f"failed:{origin_of(address)}", "failed", settings.RATE_LIMIT_FAILED)


def count_token_call(*, address: Address | None, client_pk: int) -> None:
    """Count a call of an authenticated client at the OAuth2 endpoints, from its address. Raises TooMany."""
    _count(f"oauth:{address}:{client_pk}", "oauth", settings.RATE_LIMIT_OAUTH)


def _count(name: str, label: str, rate: str) -> None:
    verdict = BUCKETS.take(name=name, label=label, quota=quota_of(rate))
    if not verdict.allowed:
        raise TooMany(verdict)


class ClientRate(BaseThrottle):
    """The rate of a client, for every view of DRF: one bucket for what reads, one for what writes."""

    def allow_request(self, request: Request, view: View) -> bool:
        """Whether the request may pass; what the headers say is noted for RateLimitHeaders."""
        credential: Any = request.auth
        if not isinstance(credential, Credential):
            return True  # an open view: nobody to count
        scope = scope_needed(view, request.method) or ""
        label = READ if scope.endswith(":read") else WRITE
        own = credential.rate_read if label == READ else credential.rate_write
        quota = quota_of(own or (settings.RATE_LIMIT_READ if label == READ else settings.RATE_LIMIT_WRITE))
        self.verdict = BUCKETS.take(name=f"client:{credential.client_pk}:{label}", label=label, quota=quota)
        request._request.rate_verdict = self.verdict  # type: ignore[attr-defined]  # noqa: SLF001 - the request that DRF wraps
        return self.verdict.allowed

    def wait(self) -> float:
        """After how many seconds to ask again."""
        return self.verdict.wait_seconds


class RateLimitHeaders:
    """Tells a client with each answer what is left."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the headers, where a request was counted."""
        response = self.get_response(request)
        verdict: Verdict | None = getattr(request, "rate_verdict", None)
        if verdict is not None:
            for name, value in verdict.headers().items():
                response[name] = value
        return response
