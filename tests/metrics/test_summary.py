"""Methods as people and programs read them: from the library's histograms to calls, errors and quantiles."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import pytest
from prometheus_client import CollectorRegistry, Histogram


def summed(*observations: tuple[str, str, float]) -> dict[str, object]:
    """The methods of a registry in which these were observed: (method, outcome, seconds)."""
    from metrics import summary

    registry = CollectorRegistry()
    histogram = Histogram(
        "ledger_repository_duration_seconds",
        "x",
        ["repository", "method", "outcome"],
        buckets=(1, 2, 4),
        registry=registry,
    )
    for method, outcome, seconds in observations:
        histogram.labels("r", method, outcome).observe(seconds)
    return {method.name: method for method in summary.methods(registry.collect())}


def test_it_adds_up_outcomes_and_tells_errors() -> None:
    found = summed(("read", "ok", 1.0), ("read", "refused", 1.0), ("read", "error", 4.0), ("write", "ok", 0.5))

    assert [(m.name, m.calls, m.errors, m.average_seconds) for m in found.values()] == [
        ("read", 3, 1, 2.0),
        ("write", 1, 0, 0.5),
    ]


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 1.0), (0.75, 1.5), (1.0, 2.0)])
def test_it_reads_quantiles_off_the_buckets(share: float, seconds: float) -> None:
    # Four calls: two up to 1 s, two more up to 2 s. Inside a bucket the calls are taken to lie evenly.
    found = summed(*[("read", "ok", one) for one in (0.4, 0.6, 1.2, 1.8)])

    assert found["read"].quantile_seconds(share) == seconds


def test_it_says_no_more_than_the_highest_bound() -> None:
    assert summed(("read", "ok", 100.0))["read"].quantile_seconds(0.5) == 4.0


def test_it_leaves_out_what_was_never_called() -> None:
    from metrics import summary

    registry = CollectorRegistry()
    Histogram("ledger_api_duration_seconds", "x", ["route", "method", "status_class"], registry=registry).labels(
        "operations", "POST", "2xx"
    )

    assert summary.methods(registry.collect()) == []
