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

HOT, SPREAD, SLOW = "hot.32c", "spread.32c", ".flush_1ms"
POST, RICH = "post.single_per_s", "post.single_per_s.rich_floor"
PEER, LOCK = "peer.update_in_place.single_per_s", "peer.exclusive_lock.single_per_s"
# Each ratio: what is divided by what, and how many of the second kind one of the first is.
RATIOS = {
    "ratio.hot_over_spread.no_floor": (f"{POST}.{HOT}", f"{POST}.{SPREAD}", 1.0),
    "ratio.hot_over_spread.no_floor.flush_1ms": (f"{POST}.{HOT}{SLOW}", f"{POST}.{SPREAD}{SLOW}", 1.0),
    "ratio.hot_over_spread.rich_floor": (f"{RICH}.{HOT}", f"{RICH}.{SPREAD}", 1.0),
    "ratio.hot_over_spread.rich_floor.flush_1ms": (f"{RICH}.{HOT}{SLOW}", f"{RICH}.{SPREAD}{SLOW}", 1.0),
    "ratio.hot_over_spread.update_in_place": (f"{PEER}.{HOT}", f"{PEER}.{SPREAD}", 1.0),
    "ratio.hot_over_spread.batch": ("post.batch1000_per_s.hot.1c", "post.batch1000_per_s.spread.1c", 1.0),
    "ratio.hot_over_spread.http_direct": (
        "http.single_per_s.direct.hot.32c",
        "http.single_per_s.direct.spread.32c",
        1.0,
    ),
    "ratio.hot_over_spread.http_merged": (
        "http.single_per_s.merged.hot.64c",
        "http.single_per_s.merged.spread.64c",
        1.0,
    ),
    "ratio.writers_with_sealer": ("seal.writers_per_s.with_sealer", "seal.writers_per_s.without_sealer", 1.0),
    "ratio.hot_over_update_in_place": (f"{POST}.{HOT}", f"{PEER}.{HOT}", 1.0),
    "ratio.hot_over_update_in_place.flush_1ms": (f"{POST}.{HOT}{SLOW}", f"{PEER}.{HOT}{SLOW}", 1.0),
    "ratio.gate_over_exclusive_lock": (f"{RICH}.{HOT}", f"{LOCK}.{HOT}", 1.0),
    "ratio.gate_over_exclusive_lock.flush_1ms": (f"{RICH}.{HOT}{SLOW}", f"{LOCK}.{HOT}{SLOW}", 1.0),
    "ratio.single_over_insert": (f"{POST}.{SPREAD}", "limit.insert_commit_1row_per_s.32c", 1.0),
    # A one-entry operation is three rows: operation, key, entry, and COPY loads the same three. A transfer has two entries.
    "ratio.batch_rows_over_copy": ("post.batch1000_per_s.spread.1c", "limit.copy_rows_per_s", 3.0),
    "ratio.batch_rows_over_copy.transfers": (
        "post.batch1000_transfers_per_s.spread.1c",
        "limit.copy_rows_per_s",
        4.0,
    ),
    "ratio.batch_rows_over_copy.transfers_2c": (
        "post.batch1000_transfers_per_s.spread.2c",
        "limit.copy_rows_per_s.2c",
        4.0,
    ),
    "ratio.over_hordak.1p": ("accept.transfers_per_s.1p", "peer.hordak.transfers_per_s.1p", 1.0),
    "ratio.over_hordak.8p": ("accept.transfers_per_s.8p", "peer.hordak.transfers_per_s.8p", 1.0),
    "ratio.http_single_over_post": ("http.single_per_s.direct.spread.32c", f"{POST}.{SPREAD}", 1.0),
    "ratio.http_merged_over_direct": (
        "http.single_per_s.merged.spread.64c",
        "http.single_per_s.direct.spread.64c",
        1.0,
    ),
    "ratio.single_p99_beside_mass": ("massops.single_p99_ms.beside", "massops.single_p99_ms.alone", 1.0),
    # Latencies: 1.02 means that it costs 2 %.
    "ratio.cost_of_metrics.single": ("metrics.single_ms.on", "metrics.single_ms.off", 1.0),
    "ratio.cost_of_metrics.batch": ("metrics.batch1000_ms.on", "metrics.batch1000_ms.off", 1.0),
    "ratio.cost_of_grants.single": ("security.single_ms.10_grants", "security.single_ms.no_grants", 1.0),
    "ratio.cost_of_grants.batch": ("security.batch1000_ms.10_grants", "security.batch1000_ms.no_grants", 1.0),
    "ratio.cost_of_day_limit.single": ("security.single_ms.10_grants_day_limit", "security.single_ms.no_grants", 1.0),
    "ratio.cost_of_day_limit.batch": (
        "security.batch1000_ms.10_grants_day_limit",
        "security.batch1000_ms.no_grants",
        1.0,
    ),
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
    # Rates first, then the ratios, what they cost the machine last.
    ordered = dict(sorted(samples.items(), key=lambda item: (item[0].startswith("cpu."), item[0].startswith("ratio."))))
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
