"""The history of a day: a sample a minute, the rates taken from it, and the points of charts."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from metrics import exposition, records, summary
from metrics.limits import CHART_POINTS, HISTORY_HOURS, RATE_WINDOWS_SECONDS, SAMPLE_SECONDS_MIN
from metrics.models import Sample

Counted = Mapping[str, Sequence[float]]


def sample(*, now: datetime) -> bool:
    """Keep what is counted now, and let go of what is older than HISTORY_HOURS; return whether there was need for a sample."""
    if Sample.objects.filter(taken_at__gt=now - timedelta(seconds=SAMPLE_SECONDS_MIN)).exists():
        return False
    methods = summary.methods(exposition.counted())
    Sample.objects.create(
        taken_at=now,
        methods={method.key: [method.calls, method.errors, round(method.seconds, 6)] for method in methods},
        records={stored.repository: sum(count.records for count in stored.records) for stored in records.stored()},
    )
    Sample.objects.filter(taken_at__lt=now - timedelta(hours=HISTORY_HOURS)).delete()
    return True


def rates(*, now: datetime, methods: Iterable[summary.Method]) -> dict[str, list[float | None]]:
    """Return for each method its calls a second over each of RATE_WINDOWS_SECONDS; None where the history is too short.

    The sample that begins a window is the newest one that is at least as old as the window. A count that went down began anew.
    """
    oldest = now - timedelta(seconds=max(RATE_WINDOWS_SECONDS) + 120)
    rows = Sample.objects.filter(taken_at__gt=oldest, taken_at__lte=now).order_by("taken_at", "id")
    samples = list(rows.values_list("taken_at", "methods"))
    return {method.key: _rates_of(method, samples, now) for method in methods}


def _rates_of(method: summary.Method, samples: Sequence[tuple[datetime, Counted]], now: datetime) -> list[float | None]:
    found: list[float | None] = []
    for window in RATE_WINDOWS_SECONDS:
        starts = [place for place, (taken_at, _) in enumerate(samples) if (now - taken_at).total_seconds() >= window]
        if not starts:
            found.append(None)
            continue
        part = samples[starts[-1] :]
        values = [_calls(counted, method.key) for _, counted in part] + [method.calls]
        found.append(increase(values) / (now - part[0][0]).total_seconds())
    return found


def increase(values: Sequence[float]) -> float:
    """Return by how much a count grew over its values in order; where it went down it had begun anew at zero."""
    return sum(after - before if after >= before else after for before, after in itertools.pairwise(values))


def points(*, now: datetime, hours: int = 24) -> list[tuple[datetime, Counted, Mapping[str, int]]]:
    """Return at most CHART_POINTS samples of the last hours, oldest first: the first one of each equal part of the time."""
    since = now - timedelta(hours=hours)
    part = timedelta(hours=hours) / CHART_POINTS
    rows = Sample.objects.filter(taken_at__gt=since, taken_at__lte=now).order_by("taken_at", "id")
    chosen: dict[int, int] = {}
    for sample_id, taken_at in rows.values_list("id", "taken_at"):
        chosen.setdefault(int((taken_at - since) / part), sample_id)
    found = Sample.objects.filter(id__in=chosen.values()).order_by("taken_at", "id")
    return [(one.taken_at, one.methods, one.records) for one in found]


def steps(key: str, samples: Sequence[tuple[datetime, Counted, Mapping[str, int]]]) -> list[float]:
    """Return how many calls a method had between each two samples in order."""
    values = [_calls(counted, key) for _, counted, _ in samples]
    return [increase(pair) for pair in itertools.pairwise(values)]


def _calls(counted: Counted, key: str) -> float:
    return counted[key][0] if key in counted else 0.0
