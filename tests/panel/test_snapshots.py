"""Snapshots in the panel: read by book and by account, in the scale of the unit, at a bounded number of questions."""

import re
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Book
from ledger.limits import SNAPSHOT_TAIL_ENTRIES
from ledger.models import Snapshot
from tests.ledger.page import Page

QUERIES_MAX = 15


@pytest.fixture
def page() -> Page:
    """Each account has one snapshot, and anna's tail has grown into a second."""
    page = Page.open_new("bank EUR", "anna EUR")
    move(page, "bank -1000.00, anna 1000.00")
    move(page, "anna 0.50")
    return page


def move(page: Page, entries: str) -> None:
    """As many operations as make a snapshot of each of their accounts."""
    page.write_batch(*((uuid.uuid4().hex, entries, "accepted") for _ in range(SNAPSHOT_TAIL_ENTRIES)))
    page.aggregate()


def listed(browser, page: Page, **query: str):
    return browser.get("/admin/ledger/snapshot/", {"book": Book.objects.get(id=page.book_id).name, **query})


def rows(answer) -> list[list[str]]:
    """Account and balance of each line."""
    assert answer.status_code == 200
    table = answer.content.decode().partition('id="result_list"')[2]
    cells = {
        column: re.findall(rf"<t[dh][^>]*field-{column}[^>]*>(.*?)</t[dh]>", table, re.S)
        for column in ("account_column", "balance_column")
    }
    return [[re.sub(r"<[^>]*>", "", cell).strip() for cell in line] for line in zip(*cells.values(), strict=True)]


FIRST, SECOND = 1000 * SNAPSHOT_TAIL_ENTRIES, 1000.5 * SNAPSHOT_TAIL_ENTRIES
ANNA = [["anna", f"{SECOND:,.2f} EUR"], ["anna", f"{FIRST:,.2f} EUR"]]
BANK = [["bank", f"-{FIRST:,.2f} EUR"]]


def test_it_lists_the_snapshots_of_a_book_by_account_newest_first(browser, page):
    newest_account_first = [*ANNA, *BANK] if page.id("anna") > page.id("bank") else [*BANK, *ANNA]

    assert rows(listed(browser, page)) == newest_account_first


@pytest.mark.parametrize(
    ("term", "found"), [("anna", ANNA), (" anna ", ANNA), ("ann", []), ("ANNA", []), ("nobody", [])]
)
def test_it_finds_the_snapshots_of_an_account_by_its_whole_code(browser, page, term, found):
    assert rows(listed(browser, page, q=term)) == found


def test_it_asks_the_same_number_of_questions_for_every_page(browser, page):
    with CaptureQueriesContext(connection) as few:
        listed(browser, page)
    page.open(*(f"a{number} EUR" for number in range(40)))
    page.write_batch(
        *(
            (uuid.uuid4().hex, f"a{number} 1.00", "accepted")
            for number in range(40)
            for _ in range(SNAPSHOT_TAIL_ENTRIES)
        )
    )
    page.aggregate()

    with CaptureQueriesContext(connection) as many:
        answer = listed(browser, page)

    assert len(rows(answer)) == 43
    assert len(many) == len(few) <= QUERIES_MAX


def test_there_is_no_page_of_one_and_nothing_to_change(browser, page):
    entry = Snapshot.objects.filter(book_id=page.book_id).values_list("entry_id", flat=True)[0]

    pages = {end: browser.get(f"/admin/ledger/snapshot/{end}").status_code for end in ("add/", f"{entry}/change/")}

    assert pages == {"add/": 403, f"{entry}/change/": 404}


@pytest.mark.parametrize("group", ["auditor", "controller"])
def test_they_are_for_those_who_may_read_the_ledger(bystander, page, group):
    user = get_user_model().objects.create_user(f"reader-{uuid.uuid4().hex[:12]}", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    reader = Client()
    reader.force_login(user)

    assert rows(listed(reader, page, q="bank")) == BANK
    assert listed(bystander, page).status_code == 403
