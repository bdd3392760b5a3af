"""What the page of metrics shows: two tables of methods with sparklines of a day, the repositories, and how they grew."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import DatabaseError

from metrics import exposition, history, records, summary
from metrics.limits import GROWTH_LINES, SPARKLINE_HEIGHT, SPARKLINE_WIDTH

_UNITS = ((1.0, "s", 1), (1e-3, "ms", 1e3), (0.0, "µs", 1e6))
_BYTES = (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10))


def context(*, now: datetime) -> dict[str, Any]:
    """Return what the template needs. Costs one look at the files of counts, some ten statements, and CHART_POINTS samples."""
    methods = summary.methods(exposition.counted())
    rates = history.rates(now=now, methods=methods)
    samples = history.points(now=now)
    tables: dict[str, list[dict[str, Any]]] = {family: [] for family in summary.Family}
    for method in methods:
        tables[method.family].append(_row(method, rates[method.key], history.steps(method.key, samples)))
    return {
        "title": "Metrics",
        "tables": [
            ("repositories", "Methods of the repositories", "Repository", tables[summary.Family.REPOSITORY]),
            ("routes", "Methods of the API", "Route", tables[summary.Family.ROUTE]),
        ],
        "stored": _stored(samples),
        "growth": _growth(samples),
        "since": samples[0][0] if samples else None,
    }


def _row(method: summary.Method, rates: Sequence[float | None], steps: Sequence[float]) -> dict[str, Any]:
    return {
        "owner": method.owner,
        "name": method.name,
        "calls": f"{method.calls:,}",
        "errors": f"{method.errors:,}" if method.errors else "",
        "per_second": [None if rate is None else f"{rate:,.2f}" for rate in rates],
        "average": duration(method.average_seconds),
        "p95": duration(method.quantile_seconds(0.95)),
        "sparkline": sparkline(steps),
    }


def _stored(samples: Sequence[tuple[datetime, Any, Any]]) -> list[dict[str, Any]]:
    try:
        repositories = records.stored()
    except DatabaseError:
        return []
    return [
        {
            "repository": one.repository,
            "records": f"{sum(count.records for count in one.records):,}",
            "how": "counted" if all(count.is_exact for count in one.records) else "estimated",
            "bytes": size(one.bytes),
            "partitions": len(one.partitions),
            "sparkline": sparkline([told.get(one.repository, 0) for _, _, told in samples]),
        }
        for one in repositories
    ]


def _growth(samples: Sequence[tuple[datetime, Any, Any]]) -> dict[str, Any] | None:
    """The records of the GROWTH_LINES repositories that hold most, over the history; None before there are two points."""
    if len(samples) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    newest = samples[-1][2]
    largest = sorted(newest, key=lambda name: (-newest[name], name))[:GROWTH_LINES]
    return {
        "labels": [f"{taken_at:%H:%M}" for taken_at, _, _ in samples],
        "stepped": False,
        "whole": True,
        "lines": [{"label": name, "values": [told.get(name, 0) for _, _, told in samples]} for name in largest],
    }


def sparkline(values: Sequence[float]) -> str:
    """Return the points of an SVG line over the values, highest at the top; empty where there is nothing to draw."""
    if len(values) < 2 or not max(values):  # noqa: PLR2004 - a line has two ends
        return ""
    across, up = SPARKLINE_WIDTH / (len(values) - 1), (SPARKLINE_HEIGHT - 2) / max(values)
    return " ".join(
        f"{place * across:.1f},{SPARKLINE_HEIGHT - 1 - value * up:.1f}" for place, value in enumerate(values)
    )


def duration(seconds: float | None) -> str:
    """Seconds for people, three digits: "1.25 ms". Empty without a value."""
    if seconds is None:
        return ""
    unit, factor = next((unit, factor) for least, unit, factor in _UNITS if seconds >= least)
    return f"{seconds * factor:.3g} {unit}"


def size(number: int) -> str:
    """Bytes for people: "1.5 MB"."""
    unit, factor = next(((unit, factor) for unit, factor in _BYTES if number >= factor), ("bytes", 1))
    return f"{number / factor:,.1f} {unit}" if factor > 1 else f"{number} {unit}"
