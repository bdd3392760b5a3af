"""A finance person's day in a real browser: a stranger's file, its errors, the decision, the posting, the reversal; and axe."""

import re
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client as Browser
from playwright.sync_api import Browser as Chromium

from accounts.models import Book
from massops import work
from massops.deciding import APPROVAL_KIND
from massops.models import MassOperation
from security.approval_models import ApprovalThreshold
from tests.ledger.page import Page as LedgerPage
from tests.massops.desk import unique
from tests.panel import browsing
from tests.panel.browsing import Person

UK_SPEND = "uk_spend/gateshead_2014_02.csv"
UK_ROWS, UK_SUM = 4471, Decimal("13883610.45")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with browsing.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def worker() -> Iterator[None]:
    """A worker beside the web server, in a thread of its own."""
    stop = threading.Event()

    def toil() -> None:
        while not stop.is_set():
            work.work()
            time.sleep(0.1)
        connection.close()

    thread = threading.Thread(target=toil, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(30)


@pytest.fixture(scope="module")
def alone() -> None:
    """One person may decide on pounds alone."""
    ApprovalThreshold.objects.update_or_create(kind=APPROVAL_KIND, unit="GBP", defaults={"above_minor": None})


@pytest.mark.browser
@pytest.mark.foreign
def test_a_finance_persons_day(  # noqa: PLR0915 - one day, from beginning to end
    chromium: Chromium, live_server_url: str, foreign_data: Path, tmp_path: Path, worker: None, alone: None
) -> None:
    ledger = LedgerPage.open_new("council:bank GBP")
    book = Book.objects.get(id=ledger.book_id)
    person = Person(chromium, live_server_url)
    axe = Person(chromium, live_server_url, bypass_csp=True)
    page = person.page

    # The file, in columns of a stranger.
    spoilt = tmp_path / "spoilt.csv"
    lines = (foreign_data / UK_SPEND).read_bytes().splitlines(keepends=True)
    lines[10] = lines[10].replace(b",2014-02-", b",2014-99-")
    lines[20] = b"too,few,columns\r\n"
    spoilt.write_bytes(b"".join(lines))
    upload(person, spoilt, book)
    page.wait_for_url(re.compile("/mapping/"))
    describe(person)
    page.fill("input[name=save_as]", unique("council spending"))
    page.click("button[name=preview]")
    page.wait_for_selector("#preview-rows")
    assert page.locator("#preview-rows tbody tr").count() == 50
    assert "council:bank" in page.inner_text("#preview-rows")
    person.picture("mass-mapping")
    page.click("button[name=check]")

    # Errors of the spoilt copy, and accounts that do not exist.
    state(person, "Checked")
    assert page.inner_text("[data-bad]") == f"{UK_ROWS:,}"
    page.select_option("#open-accounts >> xpath=.. >> select", "GBP")
    page.click("#open-accounts")
    page.wait_for_selector("#decision", timeout=60_000)
    assert page.inner_text("[data-bad]") == "2"
    assert {"column_count", "date_invalid"} <= set(page.locator("#errors tbody td:nth-child(3)").all_inner_texts())
    person.picture("mass-errors")
    with page.expect_download() as download:
        page.click("text=Errors (CSV)")
    assert len(Path(download.value.path()).read_text(encoding="utf-8").splitlines()) == 3
    axe.go(page.url.removeprefix(live_server_url))
    assert axe.violations() == []

    # The whole file: the mapping has a name now. The wrong number is not a confirmation.
    upload(person, foreign_data / UK_SPEND, book, mapping=MassOperation.objects.get(id=number(page.url)).mapping_name)
    page.wait_for_selector("#decision", timeout=60_000)
    assert page.locator("#sums tbody td").all_inner_texts()[1:3] == [f"{UK_ROWS:,}", f"{UK_SUM:,}"]
    page.fill("input[name=typed]", "17")
    page.click("#decision button")
    assert f"Type {UK_ROWS}." in page.inner_text("#decision")
    page.fill("input[name=typed]", "4,471")
    person.picture("mass-decision")
    page.click("#decision button")
    state(person, "Done")
    assert f"{UK_SUM:,} GBP" in page.inner_text("#status")
    person.picture("mass-done")
    done = page.url
    assert ledger.sum("council:bank") == -int(UK_SUM * 100)
    axe.go(done.removeprefix(live_server_url))
    assert axe.violations() == []

    # All of it back.
    page.click("#reverse")
    page.fill("#act-dialog textarea[name=reason]", "the wrong month")
    axe.go(f"{done.removeprefix(live_server_url)}")
    axe.page.click("#reverse")
    axe.page.wait_for_selector("#act-dialog textarea")
    assert axe.violations() == []
    page.click("#act-dialog button[type=submit]")
    page.wait_for_selector("#decision", timeout=60_000)
    page.fill("input[name=typed]", str(UK_ROWS))
    page.click("#decision button")
    state(person, "Done")
    assert ledger.sum("council:bank") == 0
    person.go(done.removeprefix(live_server_url))
    assert "Reversed by" in page.inner_text("body")
    assert person.complaints == []


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_other_pages(chromium: Chromium, live_server_url: str, theme: str) -> None:
    person = Person(chromium, live_server_url, theme=theme, bypass_csp=True)
    book = Book.objects.get(id=LedgerPage.open_new("anna GBP").book_id)
    found = {}

    for address in ("", "add/"):
        person.go(f"/admin/massops/massoperation/{address}")
        found[address] = person.violations()
    upload(person, ("rows.csv", f"account,amount\nanna,{time.monotonic_ns()}\n".encode()), book, mapping="-")
    person.page.wait_for_url(re.compile("/mapping/"))
    found["mapping"] = person.violations()
    person.go("/admin/massops/savedmapping/")
    found["mappings"] = person.violations()

    assert {address: faults for address, faults in found.items() if faults} == {}


def test_who_may_not_sees_and_does_nothing() -> None:
    made = MassOperation.objects.order_by("-id").first()
    browser = Browser()
    browser.force_login(get_user_model().objects.create_user(unique("by"), is_staff=True))
    root = "/admin/massops/massoperation/"

    for address in ("", "add/", "1/mapping/", "1/change/", "1/status/", "1/errors.csv", "1/results.csv"):
        target = address.replace("1/", f"{made.id}/") if made else address
        assert browser.get(f"{root}{target}").status_code in {403, 404}, address
    if made is not None:
        assert browser.post(f"{root}{made.id}/do/cancel/").status_code == 403


def test_a_page_of_none_is_not_there() -> None:
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser(unique("super")))

    for address in ("999999999/change/", "x/change/", "999999999/status/", "999999999/mapping/"):
        assert browser.get(f"/admin/massops/massoperation/{address}").status_code == 404


def upload(person: Person, file: object, book: Book, mapping: str = "-") -> None:
    person.go("/admin/massops/massoperation/add/")
    payload = {"name": file[0], "mimeType": "text/csv", "buffer": file[1]} if isinstance(file, tuple) else str(file)
    person.page.set_input_files("input[name=file]", payload)
    person.page.select_option("select[name=book]", str(book.id))
    person.page.select_option("select[name=mapping]", mapping)
    person.page.check("input[name=again]")
    person.page.click("main button[type=submit], #content button[type=submit]")


def describe(person: Person) -> None:
    """What the columns of the council's file mean."""
    for name, value in {
        "key": "TransNo; Seq no",
        "account_column": "",
        "from_account_constant": "council:bank",
        "to_account_column": "Supplier ID(T)",
        "to_account_prefix": "supplier:",
        "amount_column": "Amount",
        "effective_at_column": "Updated",
        "description_column": "Cipfsubs(T)",
        "metadata": "service = Strgrpcc(T)",
    }.items():
        person.page.fill(f"[name={name}]", value)


def state(person: Person, wanted: str) -> None:
    """Wait until the page, which asks for itself, shows this state."""
    person.page.wait_for_selector(f"[data-state]:text-is('{wanted}')", timeout=90_000)


def number(url: str) -> int:
    return int(re.search(r"massoperation/(\d+)/", url)[1])
