"""The dashboard: tiles that ask for themselves, fail by themselves, and never count by scanning."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Book
from billing_project import dashboard
from ledger import overview
from ledger.models import Overview
from tests.ledger.page import Page

QUERIES_MAX = 12


@pytest.fixture
def page() -> Page:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR", "idle EUR")
    page.write(
        ("salary", "bank -1234.50, anna 1234.50", "accepted"),
        ("too-much", "anna -5000.00, bank 5000.00", "below_floor"),
        ("more", "anna -5000.00, bank 5000.00", "below_floor"),
        ("gift", "anna 0.50", "accepted"),
    )
    page.aggregate()
    return page


def tile(browser, page: Page, name: str, **query: str):
    return browser.get(f"/admin/tiles/{name}/", {"book": Book.objects.get(id=page.book_id).name, **query})


def text(answer) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode())).strip()


def later() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def test_it_shows_all_tiles_to_who_may_see_all(browser):
    answer = browser.get("/admin/")

    assert [one["name"] for one in answer.context["tiles"]] == list(dashboard.TILES)
    assert answer.content.decode().count("hx-get") >= len(dashboard.TILES)


def test_it_shows_nothing_to_who_may_see_nothing_and_says_what_to_do(bystander):
    answer = bystander.get("/admin/")

    assert answer.context["tiles"] == []
    assert "Ask an administrator" in answer.content.decode()
    assert bystander.get("/admin/tiles/units/", {"book": "main"}).status_code == 404


@pytest.mark.parametrize("name", dashboard.TILES)
@pytest.mark.parametrize("span", ["hour", "day", "week", "nonsense"])
def test_every_tile_answers_with_a_bounded_number_of_questions(browser, page, name, span):
    with CaptureQueriesContext(connection) as asked:
        answer = tile(browser, page, name, span=span)

    assert "no answer" not in text(answer)
    assert len(asked) <= QUERIES_MAX


def test_it_shows_totals_by_unit_and_the_largest_balances(browser, page):
    overview.refresh(now=later())

    assert "EUR 2 1,235.00 -1,234.50 0.50" in text(tile(browser, page, "units"))
    assert "anna 1,235.00 bank -1,234.50" in text(tile(browser, page, "largest"))


def test_it_says_that_totals_are_not_made_yet(browser, page):
    assert "Not made yet" in text(tile(browser, page, "units"))


def test_an_overview_that_took_long_rests_for_long(page):
    now = later()
    overview.refresh(now=now)
    Overview.objects.filter(book_id=page.book_id).update(seconds=60)
    name = Book.objects.get(id=page.book_id).name

    assert name not in overview.refresh(now=now + timedelta(minutes=19))
    assert name in overview.refresh(now=now + timedelta(minutes=21))


def test_it_counts_refusals_by_code_and_operations_by_marks(page):
    since = datetime.now(UTC) - timedelta(minutes=59)

    found = overview.activity(book_id=page.book_id, since=since, step_seconds=60, steps=61)

    assert {code: sum(counts) for code, counts in found.refusals.items()} == {"below_floor": 2}
    assert sum(found.operations) >= 4
    assert len(found.starts) == len(found.operations) == 61


def test_a_part_that_is_away_is_a_red_word_and_not_an_error_page(browser, page, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert "Valkey away does not answer" in text(tile(browser, page, "health"))


@pytest.mark.parametrize("failure", dashboard._FAILURES)
def test_a_tile_that_fails_says_so_and_the_others_go_on(browser, page, monkeypatch, failure):
    def fails(*_arguments):
        raise failure("away")

    broken = dashboard.TILES["records"]
    monkeypatch.setitem(dashboard.TILES, "records", dashboard.Tile(**{**_fields(broken), "read": fails}))

    assert "no answer" in text(tile(browser, page, "records"))
    assert "no answer" not in text(tile(browser, page, "backlog"))


def test_a_tile_does_not_ask_for_longer_than_it_may(browser, page, monkeypatch):
    def sleeps(*_arguments):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")

    monkeypatch.setattr(dashboard, "TILE_SECONDS_MAX", 0.1)
    slow = dashboard.TILES["records"]
    monkeypatch.setitem(dashboard.TILES, "records", dashboard.Tile(**{**_fields(slow), "read": sleeps}))

    assert "no answer" in text(tile(browser, page, "records"))
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "1min"


def test_it_knows_no_other_tiles_or_books(browser):
    assert browser.get("/admin/tiles/nothing/", {"book": "main"}).status_code == 404
    assert browser.get("/admin/tiles/units/", {"book": "no-such-book"}).status_code == 404


def _fields(one: dashboard.Tile) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__slots__}
