"""The administration in a real browser: a person logs in and reads, under the policy that the server sends."""

import os
import uuid
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Browser, Page, sync_playwright

from accounts.models import Book
from tests import servers
from tests.ledger.page import Page as LedgerPage

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Playwright runs an event loop in this thread, and Django would refuse to talk to the database beside one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(servers.chromium()), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def person(chromium: Browser, live_server_url: str) -> Iterator[Page]:
    """A logged-in administrator; whatever the browser's console complains about fails the test."""
    name, password = f"person-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    get_user_model().objects.create_superuser(name, password=password)
    page = chromium.new_page(viewport={"width": 1300, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_server_url}/admin/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/")
    yield page
    page.close()
    assert complaints == []


def test_it_lets_a_person_find_an_operation_by_its_key_and_read_it(person: Page, live_server_url: str) -> None:
    ledger = LedgerPage.open_new("anna EUR", "bank EUR")
    key = f"salary-{uuid.uuid4().hex}"
    ledger.write((key, "bank -12.34, anna 12.34", "accepted"))

    book = Book.objects.get(id=ledger.book_id).name
    person.goto(f"{live_server_url}/admin/ledger/operation/?key={key}&book={book}")
    person.click("#result_list tbody tr th a")
    person.wait_for_load_state("networkidle")

    rows = person.locator("table tbody tr").all_inner_texts()
    assert [row.split("\t")[1:] for row in rows] == [["bank", "-12.34 EUR"], ["anna", "12.34 EUR"]]
    assert person.locator("input[name=_save]").count() == 0


@pytest.mark.parametrize(
    "address",
    [
        "accounts/account/",
        "accounts/accountchange/",
        "accounts/book/",
        "accounts/book/add/",
        "accounts/unit/",
        "accounts/unit/add/",
        "ledger/entry/",
        "ledger/mark/",
        "ledger/snapshot/",
        "metrics/sample/",
        "ledger/operation/",
        "security/client/",
        "django_celery_beat/periodictask/",
    ],
)
def test_it_shows_every_list(person: Page, live_server_url: str, address: str) -> None:
    answer = person.goto(f"{live_server_url}/admin/{address}")

    assert answer is not None
    assert answer.status == 200
