"""The page of metrics: true numbers, a history, and nobody without the right sees it."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client

ADDRESS = "/admin/metrics/sample/"


@pytest.fixture
def watcher() -> Client:
    from django.contrib.auth import get_user_model

    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser(f"watcher-{uuid.uuid4().hex[:12]}"))
    return browser


@pytest.fixture
def empty() -> Iterator[None]:
    from metrics.models import Sample

    Sample.objects.all().delete()
    yield
    Sample.objects.all().delete()


def test_it_shows_calls_and_records(watcher: Client, empty: None) -> None:
    from prometheus_client import REGISTRY

    from ledger import queries

    queries.entries_of(book_id=0, operation_ids=[])
    labels = {"repository": "entries", "method": "entries_of", "outcome": "ok"}
    counted = REGISTRY.get_sample_value("ledger_repository_duration_seconds_count", labels)

    text = " ".join(watcher.get(ADDRESS).content.decode().split())

    assert f'<th scope="row">entries</th><td>entries_of</td><td class="pn-right pn-num">{counted:,.0f}</td>' in text
    assert '<th scope="row">turnover</th>' in text


def test_it_draws_a_day(watcher: Client, empty: None) -> None:
    from django.utils import timezone

    from metrics.models import Sample

    for number in range(4):
        methods = {"repository entries entries_of": [number * number, 0, 0.1]}
        taken_at = timezone.now() - timedelta(hours=4 - number)
        Sample.objects.create(taken_at=taken_at, methods=methods, records={"entries": 10 * number})

    answer = watcher.get(ADDRESS)

    assert [line["values"] for line in answer.context_data["growth"]["lines"]] == [[0, 10, 20, 30]]
    assert answer.content.decode().count("<polyline") >= 2


def test_it_is_shown_to_nobody_without_the_right() -> None:
    from django.contrib.auth import get_user_model

    browser = Client()
    browser.force_login(get_user_model().objects.create_user(f"by-{uuid.uuid4().hex[:12]}", is_staff=True))

    assert browser.get(ADDRESS).status_code == 403


@pytest.mark.parametrize(
    ("values", "points"),
    [([], ""), ([1], ""), ([0, 0], ""), ([0, 1], "0.0,23.0 120.0,1.0"), ([2, 0, 1], "0.0,1.0 60.0,23.0 120.0,12.0")],
)
def test_it_draws_a_line_from_left_to_right_with_the_highest_at_the_top(values: list[float], points: str) -> None:
    from metrics import page

    assert page.sparkline(values) == points


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0.0, "0 µs"), (0.0000421, "42.1 µs"), (0.00125, "1.25 ms"), (2.5, "2.5 s")]
)
def test_it_writes_durations_for_people(seconds: float | None, text: str) -> None:
    from metrics import page

    assert page.duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 bytes"), (1536, "1.5 kB"), (3 << 30, "3.0 GB")])
def test_it_writes_sizes_for_people(number: int, text: str) -> None:
    from metrics import page

    assert page.size(number) == text
