"""The decorator of repositories' methods."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import pytest
from prometheus_client import REGISTRY


class RefusedError(Exception):
    pass


def counted(method: str, outcome: str) -> float:
    labels = {"repository": "trial", "method": method, "outcome": outcome}
    return REGISTRY.get_sample_value("ledger_repository_duration_seconds_count", labels) or 0.0


def test_it_counts_a_call_that_returns() -> None:
    from metrics.repository import observed

    @observed(repository="trial")
    def double(*, number: int) -> int:
        return 2 * number

    assert [double(number=2), double(number=3)] == [4, 6]
    assert counted("double", "ok") == 2


def test_it_tells_an_answer_from_a_failure_and_lets_both_through() -> None:
    from metrics.repository import observed

    @observed(repository="trial", expected=(RefusedError,))
    def fail(error: Exception) -> None:
        raise error

    for error in (RefusedError("no"), RefusedError("no"), ValueError("defect")):
        with pytest.raises(type(error)):
            fail(error)

    assert (counted("fail", "refused"), counted("fail", "error"), counted("fail", "ok")) == (2, 1, 0)


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, "0.0001"), (0.0001, "0.0001"), (0.00011, "0.00025"), (5.0, "5.0"), (5.1, "+Inf")]
)
def test_it_puts_a_duration_where_the_library_would(seconds: float, bucket: str) -> None:
    from prometheus_client import CollectorRegistry, Histogram

    from metrics.instruments import REPOSITORY_SECONDS, QuickHistogram

    ours, theirs = CollectorRegistry(), CollectorRegistry()
    QuickHistogram("x_seconds", "x", buckets=REPOSITORY_SECONDS, registry=ours).observe(seconds)
    Histogram("x_seconds", "x", buckets=REPOSITORY_SECONDS, registry=theirs).observe(seconds)

    def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
        return {
            (sample.name, sample.labels.get("le", "")): sample.value
            for family in registry.collect()
            for sample in family.samples
            if not sample.name.endswith("_created")
        }

    assert samples(ours) == samples(theirs)
    assert samples(ours)["x_seconds_bucket", bucket] == 1
