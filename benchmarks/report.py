"""From measurements to a report: medians over the repetitions, ratios inside one run, a table, results/latest.json.

A ratio is taken within each repetition, between cases that ran seconds apart, and then its median: a machine that is
busier for a while moves both sides. Absolute rates say as much about the machine as about the ledger.
"""

import json
import platform
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.cases import Figures

LATEST = Path(__file__).parent / "results" / "latest.json"

# Each ratio: what is divided by what, and how many of the second kind one of the first is.
RATIOS = {
    "ratio.hot_over_spread.no_floor": ("post.single_per_s.hot.32c", "post.single_per_s.spread.32c", 1.0),
    "ratio.hot_over_spread.http": ("http.single_per_s.hot.32c", "http.single_per_s.32c", 1.0),
    "ratio.hot_over_spread.batch": ("post.batch1000_per_s.hot.1c", "post.batch1000_per_s.spread.1c", 1.0),
    "ratio.hot_over_spread.update_in_place": (
        "peer.update_in_place.single_per_s.hot.32c",
        "peer.update_in_place.single_per_s.spread.32c",
        1.0,
    ),
    "ratio.hot_over_update_in_place": (
        "post.single_per_s.hot.32c",
        "peer.update_in_place.single_per_s.hot.32c",
        1.0,
    ),
    "ratio.single_over_insert": ("post.single_per_s.spread.32c", "limit.insert_commit_1row_per_s.32c", 1.0),
    # A one-entry operation is three rows: operation, key, entry.
    "ratio.batch_rows_over_copy": ("post.batch1000_per_s.spread.1c", "limit.copy_rows_per_s", 3.0),
    "ratio.http_single_over_post": ("http.single_per_s.32c", "post.single_per_s.spread.32c", 1.0),
    "ratio.http_batch_over_post": ("http.batch1000_per_s", "post.batch1000_per_s.spread.1c", 1.0),
}


@dataclass(frozen=True)
class Report:
    """All repetitions of all figures, in the order in which they were first measured."""

    samples: dict[str, list[float]]
    facts: dict[str, Any]

    def flat(self) -> dict[str, Any]:
        """Facts of the run and the median of each figure, by flat names."""
        return self.facts | {name: _rounded(median(values)) for name, values in self.samples.items()}

    def table(self) -> str:
        """The table for people: each figure with its median and its range."""
        width = max(len(name) for name in self.samples)
        lines = [f"{'figure':{width}} {'median':>12} {'lowest':>12} {'highest':>12}"]
        for name, values in self.samples.items():
            numbers = " ".join(f"{_rounded(number):>12,}" for number in (median(values), min(values), max(values)))
            lines.append(f"{name:{width}} {numbers}")
        facts = [f"{name}: {value}" for name, value in self.facts.items()]
        return "\n".join([*lines, "", *facts])

    def write(self) -> Path:
        """Write results/latest.json and return its path."""
        LATEST.parent.mkdir(exist_ok=True)
        LATEST.write_text(json.dumps(self.flat(), indent=1) + "\n", encoding="utf-8")
        return LATEST


def report(repetitions: list[Figures], *, facts: dict[str, Any], started_at: datetime) -> Report:
    """Put the figures of all repetitions together and add the ratios that can be formed."""
    samples: dict[str, list[float]] = {}
    for figures in repetitions:
        ratios = {
            name: factor * figures[above] / figures[below]
            for name, (above, below, factor) in RATIOS.items()
            if above in figures and figures.get(below)
        }
        for name, value in (figures | ratios).items():
            samples.setdefault(name, []).append(value)
    # Rates first, what they cost the machine last.
    ordered = dict(sorted(samples.items(), key=lambda item: item[0].startswith("cpu.")))
    machine = {
        "run.started_at": started_at.isoformat(timespec="seconds"),
        "run.repetitions": len(repetitions),
        "machine.cores": psutil.cpu_count(),
        "machine.memory_gb": round(psutil.virtual_memory().total / 2**30),
        "machine.system": platform.platform(),
        "machine.python": platform.python_version(),
    }
    return Report(samples=ordered, facts=machine | facts)


def _rounded(number: float) -> float:
    """Three decimals for small numbers, none for large ones: more would pretend precision."""
    return round(number) if abs(number) >= 100 else round(number, 3)
