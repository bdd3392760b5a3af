"""The history of a day: sampled, bounded, and what rates and charts make of it."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
KEY = "repository entries history"


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    from metrics.models import Sample

    Sample.objects.all().delete()
    yield
    Sample.objects.all().delete()


def keep(*samples: tuple[timedelta, int]) -> None:
    """Samples of one method: how long before noon, and its calls by then."""
    from metrics.models import Sample

    for ago, calls in samples:
        Sample.objects.create(taken_at=NOON - ago, methods={KEY: [calls, 0, 0.1]}, records={"entries": calls})


def method(calls: int) -> object:
    from metrics import summary

    return summary.Method(summary.Family.REPOSITORY, "entries", "history", calls=calls)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_it_samples_what_is_counted_and_stored() -> None:
    from ledger import queries
    from metrics import history
    from metrics.models import Sample

    queries.entries_of(book_id=0, operation_ids=[])

    assert history.sample(now=NOON)
    sample = Sample.objects.get()
    assert sample.methods["repository entries entries_of"][0] >= 1
    assert sample.records["books"] >= 0


def test_it_samples_once_a_minute_however_often_the_bell_rings() -> None:
    from metrics import history

    rung = [history.sample(now=NOON + timedelta(seconds=seconds)) for seconds in (0, 5, 60, 61, 120)]

    assert rung == [True, False, True, False, True]


def test_it_forgets_what_is_older_than_a_day() -> None:
    from metrics import history
    from metrics.models import Sample

    keep((timedelta(hours=26), 1), (timedelta(hours=24), 2))

    history.sample(now=NOON)

    assert [taken_at for (taken_at,) in Sample.objects.order_by("taken_at").values_list("taken_at")] == [
        NOON - timedelta(hours=24),
        NOON,
    ]


@pytest.mark.parametrize(
    ("samples", "calls", "expected"),
    [
        ([], 100, [None, None, None]),
        ([(minutes(1), 40)], 100, [1.0, None, None]),
        ([(minutes(5), 0), (minutes(1), 40)], 100, [1.0, 100 / 300, None]),
        ([(minutes(2), 10), (minutes(0.5), 40)], 130, [1.0, None, None]),
        ([(minutes(15), 1000), (minutes(5), 0), (minutes(1), 30)], 90, [1.0, 90 / 300, 90 / 900]),
    ],
    ids=["no history", "a minute", "five minutes", "a sample too young", "begun anew in between"],
)
def test_it_tells_calls_a_second(
    samples: list[tuple[timedelta, int]], calls: int, expected: list[float | None]
) -> None:
    from metrics import history

    keep(*samples)

    assert history.rates(now=NOON, methods=[method(calls)])[KEY] == expected


def test_it_gives_a_chart_a_bounded_number_of_points() -> None:
    from metrics import history
    from metrics.limits import CHART_POINTS

    keep(*((minutes(1439 - number), number) for number in range(0, 1440, 5)))

    points = history.points(now=NOON)

    assert len(points) == CHART_POINTS
    assert sum(history.steps(KEY, points)) == points[-1][1][KEY][0] - points[0][1][KEY][0]
