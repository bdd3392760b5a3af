"""What was counted, by method: calls, errors, seconds and quantiles, of repositories and of routes of the API."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client import Metric


class Family(StrEnum):
    """Whose methods: what a name in the history starts with."""

    REPOSITORY = "repository"
    ROUTE = "route"


# For each histogram: whose methods, which labels name one, and which label says that a call failed, with the value that says so.
_HISTOGRAMS = {
    "ledger_repository_duration_seconds": (Family.REPOSITORY, ("repository", "method"), ("outcome", "error")),
    "ledger_api_duration_seconds": (Family.ROUTE, ("route", "method"), ("status_class", "5xx")),
}


@dataclass(slots=True)
class Method:
    """One method since the service started. `buckets` maps an upper bound in seconds to the calls up to it."""

    family: Family
    owner: str
    name: str
    calls: int = 0
    errors: int = 0
    seconds: float = 0.0
    buckets: defaultdict[float, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def key(self) -> str:
        """The name of the method in the history."""
        return f"{self.family} {self.owner} {self.name}"

    @property
    def average_seconds(self) -> float | None:
        """Seconds a call took on average; None before the first."""
        return self.seconds / self.calls if self.calls else None

    def quantile_seconds(self, share: float) -> float | None:
        """Return the seconds below which this share of the calls stayed, by straight lines between the bounds of buckets.

        None before the first call; the highest bound for calls above it: buckets know no more.
        """
        if not self.calls:
            return None
        rank, low, below = share * self.calls, 0.0, 0.0
        for high, up_to in sorted(self.buckets.items()):
            if up_to >= rank:
                if math.isinf(high):
                    return low
                inside = up_to - below
                return high if not inside else low + (high - low) * (rank - below) / inside
            low, below = high, up_to
        return low


def methods(families: Iterable[Metric]) -> list[Method]:
    """Return every method that was called, those of repositories first, by name."""
    found: dict[tuple[Family, str, str], Method] = {}
    for metric in families:
        if metric.name not in _HISTOGRAMS:
            continue
        family, (owner, name), (label, failed) = _HISTOGRAMS[metric.name]
        for sample in metric.samples:
            key = (family, sample.labels[owner], sample.labels[name])
            method = found.setdefault(key, Method(*key))
            match sample.name.removeprefix(metric.name):
                case "_count":
                    method.calls += int(sample.value)
                    method.errors += int(sample.value) if sample.labels[label] == failed else 0
                case "_sum":
                    method.seconds += sample.value
                case "_bucket":
                    method.buckets[float(sample.labels["le"])] += sample.value
    return [found[key] for key in sorted(found) if found[key].calls]
