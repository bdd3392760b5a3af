"""The report takes ratios within a repetition, medians over them, and every figure in it is explained."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import report

README = Path(report.__file__).with_name("README.md")
STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOT, SPREAD = "post.single_per_s.hot.32c", "post.single_per_s.spread.32c"


def test_a_ratio_is_formed_within_each_repetition_and_then_its_median_is_taken() -> None:
    # The machine was half as fast in the second repetition: the ratio of the medians would be 1.5.
    repetitions = [{HOT: 1000.0, SPREAD: 1000.0}, {HOT: 500.0, SPREAD: 500.0}, {HOT: 1000.0, SPREAD: 400.0}]

    flat = report.report(repetitions, facts={}, started_at=STARTED).flat()

    assert flat["ratio.hot_over_spread.no_floor"] == 1.0
    assert flat[SPREAD] == 500
    assert flat["run.started_at"] == "2026-01-02T03:04:05+00:00"
    assert flat["run.repetitions"] == 3


def test_a_ratio_without_its_figures_is_left_out() -> None:
    flat = report.report([{HOT: 1.0}], facts={}, started_at=STARTED).flat()

    assert [name for name in flat if name.startswith("ratio.")] == []


@pytest.mark.parametrize(
    "name", sorted({*report.RATIOS, *(name for pair in report.RATIOS.values() for name in pair[:2])})
)
def test_every_figure_of_a_ratio_is_explained_in_the_readme(name: str) -> None:
    stem = ".".join(name.split(".")[: 3 if name.startswith("peer") else 2])

    assert f"`{stem}" in README.read_text(encoding="utf-8")
