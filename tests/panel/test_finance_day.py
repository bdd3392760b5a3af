"""A finance person's day in the panel, in Chromium against the running server: look, find, filter, export, correct, reverse.

Where BILLING_TEST_PICTURES names a folder, the pages are kept there as pictures; docs/admin.md shows some of them.
"""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from accounts.models import Book
from ledger import overview
from security.approval_models import ApprovalThreshold
from tests.ledger.page import Page
from tests.panel import browsing
from tests.panel.browsing import Person

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def anna(live_server_url: str) -> Iterator[Person]:
    with browsing.chromium() as browser:
        person = Person(browser, live_server_url)
        yield person
        assert person.complaints == []


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page.open_new("wallet:7 EUR floor 0.00", "bank EUR")
    page.write(
        (
            "salary",
            "bank -2500.00, wallet:7 2500.00",
            "accepted",
            {"description": "Salary", "metadata": {"invoice": "7"}},
        ),
        *(
            (f"rent-{n}", f"wallet:7 -{n}50.25, bank {n}50.25", "accepted", {"description": "Rent"})
            for n in range(1, 4)
        ),
    )
    page.aggregate()
    thresholds = [
        ApprovalThreshold.objects.create(kind=kind, unit="EUR", above_minor=100_000)
        for kind in ("correction", "reversal")
    ]
    yield page
    for threshold in thresholds:
        threshold.delete()


def test_the_dashboard_fills_itself(anna: Person) -> None:
    anna.go("/admin/")

    for tile in ("units", "health", "backlog", "operations", "refusals", "largest", "seal", "records"):
        anna.page.wait_for_selector(f"[data-tile={tile}] > *:not(:text('reading'))")
    anna.picture("dashboard")
    assert anna.page.locator(".pn-failed").count() == 0


# Cards whose content reaches over their edge; and tiles of which a part is only seen by scrolling.
OVER = "cards => cards.filter(card => card.scrollWidth > card.clientWidth).map(card => card.innerText)"
HIDDEN = "tiles => tiles.filter(tile => tile.scrollWidth > tile.clientWidth).map(tile => tile.dataset.tile)"


@pytest.fixture
def wide(anna: Person) -> Iterator[Person]:
    """The dashboard of a book with long amounts; the window is as before afterwards."""
    book = Page.open_new("wallet EUR", "bank EUR")
    book.write(("k", "bank -93222635.20, wallet 93222635.20", "accepted"))
    book.aggregate()
    overview.refresh(now=datetime.now(UTC) + timedelta(days=1))
    anna.go(f"/admin/?book={Book.objects.get(id=book.book_id).name}")
    for tile in ("units", "health", "backlog", "largest", "records"):
        anna.page.wait_for_selector(f"[data-tile={tile}] table")
    yield anna
    anna.page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.parametrize("width", [1920, 1440, 1280, 1100, 640])
def test_no_tile_reaches_over_its_card(wide: Person, width: int) -> None:
    wide.page.set_viewport_size({"width": width, "height": 900})

    assert wide.page.eval_on_selector_all(".pn-dashboard > .pn-card", OVER) == []
    if width >= 1280:
        hidden = wide.page.eval_on_selector_all("[data-tile]", HIDDEN)
        assert {"units", "health", "backlog", "records"} & set(hidden) == set()


def test_a_tile_that_reaches_over_its_card_would_be_seen(wide: Person) -> None:
    wide.page.eval_on_selector(".pn-card:has([data-tile=units])", "card => card.style.gridColumn = 'span 1'")
    assert "units" in wide.page.eval_on_selector_all("[data-tile]", HIDDEN)

    wide.page.eval_on_selector("[data-tile=units]", "tile => tile.style.overflow = 'visible'")
    assert len(wide.page.eval_on_selector_all(".pn-dashboard > .pn-card", OVER)) == 1


def test_one_field_finds_an_account_by_keyboard_alone(anna: Person, page: Page) -> None:
    anna.go("/admin/")
    anna.page.wait_for_function("window.Alpine && window.htmx && document.readyState === 'complete'")
    anna.page.keyboard.press("Control+k")
    anna.page.wait_for_selector("#search-input-command:focus")
    anna.page.keyboard.type("wallet:7")
    anna.page.wait_for_selector("#command-results-list li")
    anna.picture("search")
    anna.page.keyboard.press("ArrowDown")
    anna.page.keyboard.press("Enter")

    anna.page.wait_for_url("**/admin/accounts/account/*/change/")


def test_a_history_is_filtered_and_exported_as_filtered(anna: Person, page: Page, tmp_path: Path) -> None:
    anna.go(f"/admin/accounts/account/?book={Book.objects.get(id=page.book_id).name}&q=wallet")
    anna.picture("accounts")
    anna.page.click("text=wallet:7")
    anna.page.wait_for_selector("#history-table")
    anna.picture("account")
    anna.page.select_option("#filter_direction", "out")
    anna.page.fill("#filter_least", "200")
    anna.page.click("form[aria-label='Filter the history'] button")
    anna.page.wait_for_url("**direction=out**")

    shown = anna.page.locator("#history-table tbody tr").count()
    with anna.page.expect_download() as as_csv:
        anna.page.click("text=CSV")
    with anna.page.expect_download() as as_xlsx:
        anna.page.click("text=XLSX")

    as_csv.value.save_as(tmp_path / "history.csv")
    as_xlsx.value.save_as(tmp_path / "history.xlsx")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "history.csv").read_text(encoding="utf-8-sig"))))
    assert [row["amount"] for row in rows] == ["-350.25", "-250.25"]
    assert shown == len(rows) == openpyxl.load_workbook(tmp_path / "history.xlsx").active.max_row - 1


def test_an_operation_is_corrected_with_the_sum_shown_while_typing(anna: Person, page: Page) -> None:
    anna.go(f"/admin/ledger/operation/{page.operation_id('rent-2')}/change/")
    anna.picture("operation")
    anna.page.click("text=Correct")
    anna.page.wait_for_selector("[data-sums]:has-text('Sum 0.00 EUR')")
    anna.page.fill("input[name=entry-0-amount]", "10.00")
    anna.page.wait_for_selector("[data-sums]:has-text('Sum -240.25 EUR')")
    anna.page.fill("input[name=entry-1-amount]", "-10.00")
    anna.page.wait_for_selector("[data-sums]:has-text('Sum 0.00 EUR')")
    anna.page.fill("#id_reason", "Ten too much")
    anna.picture("correction")
    anna.page.click("text=Post the correction")

    anna.page.wait_for_selector("text=The correction is posted")
    page.shows("wallet:7 1759.25")


def test_an_operation_is_reversed_with_a_reason(anna: Person, page: Page) -> None:
    anna.go(f"/admin/ledger/operation/{page.operation_id('rent-3')}/change/")
    anna.page.click("nav >> text=Reverse")
    anna.page.fill("#id_reason", "Paid twice")
    anna.picture("reversal")
    anna.page.click("button:has-text('Reverse')")

    anna.page.wait_for_selector("text=It reverses operation")
    page.shows("wallet:7 2099.50")
    anna.go(f"/admin/ledger/operation/{page.operation_id('rent-3')}/change/")
    assert "It was reversed by operation" in anna.page.inner_text("body")
    assert anna.page.locator("nav >> text=Reverse").count() == 0


def test_what_is_above_the_threshold_waits_for_a_second_person(anna: Person, page: Page) -> None:
    anna.go(f"/admin/ledger/operation/{page.operation_id('salary')}/reverse/")
    anna.page.fill("#id_reason", "Wrong company")
    anna.page.click("button:has-text('Reverse')")

    anna.page.wait_for_selector("text=It waits for a second person")
    anna.picture("approval")
    page.shows("wallet:7 1749.25")
