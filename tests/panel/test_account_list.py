"""The list of accounts: balances beside codes, found by the beginning of a code or a name, at a constant number of queries."""

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import admin
from accounts.models import Book
from accounts.opening import NewAccount, open_accounts
from tests.ledger.page import Page

QUERIES_MAX = 25


def listed(browser, page: Page, **query: str):
    book = Book.objects.get(id=page.book_id).name
    return browser.get("/admin/accounts/account/", {"book": book, **query})


def codes(answer) -> list[str]:
    return [account.code for account in answer.context["cl"].result_list]


def cells(answer, column: str) -> list[str]:
    found = re.findall(rf"<t[dh][^>]*field-{column}[^>]*>(.*?)</t[dh]>", answer.content.decode(), re.S)
    return [re.sub(r"<[^>]*>", "", cell).strip() for cell in found]


def test_it_shows_each_balance_in_the_scale_of_its_unit(browser):
    page = Page.open_new("anna EUR floor -1000.00", "bank EUR", "points JPY")
    page.write(("k", "bank -1234567.89, anna 1234567.89", "accepted"), ("p", "points 12", "accepted"))

    answer = listed(browser, page)

    assert codes(answer) == ["anna", "bank", "points"]
    assert cells(answer, "balance_column") == ["1,234,567.89", "-1,234,567.89", "12"]
    assert cells(answer, "floor_column")[0] == "-1,000.00"
    assert cells(answer, "moved_column")[0].endswith(" UTC")


def test_it_shows_one_book_only(browser):
    one, other = Page.open_new("anna EUR"), Page.open_new("bert EUR")

    assert codes(listed(browser, one)) == ["anna"]
    assert codes(listed(browser, other)) == ["bert"]
    assert codes(browser.get("/admin/accounts/account/", {"book": "no-such-book"})) == []


def test_it_shows_a_book_that_is_not_among_those_offered(browser, monkeypatch):
    monkeypatch.setattr(admin, "BOOKS_OFFERED_MAX", 0)

    assert codes(listed(browser, Page.open_new("anna EUR"))) == ["anna"]


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("user:1", ["user:1:points", "user:1:wallet"]),
        ("USER:1", []),
        ("company", ["x:9"]),
        ("COMPANY", ["x:9"]),
        ("pany", []),
        ("%", []),
        ("\x00", ["user:1:points", "user:1:wallet", "user:2", "x:9"]),
        ("x" * 200, []),
    ],
)
def test_it_finds_by_the_beginning_of_a_code_or_a_name(browser, term, found):
    page = Page.open_new("user:1:wallet EUR", "user:1:points EUR", "user:2 EUR")
    open_accounts(
        book_id=page.book_id, source_id=page.source_id, accounts=[NewAccount("x:9", "EUR", "Company fees", {}, None)]
    )

    assert codes(listed(browser, page, q=term)) == found


def test_it_filters_by_unit_and_status_and_sorts_by_opening(browser):
    page = Page.open_new("b EUR", "a EUR", "c JPY")
    page.change("a", status="frozen")

    assert codes(listed(browser, page, unit="EUR")) == ["a", "b"]
    assert codes(listed(browser, page, status="frozen")) == ["a"]
    assert codes(listed(browser, page, status="open", unit="EUR")) == ["b"]


def test_it_asks_the_same_number_of_questions_for_every_size(browser):
    page = Page.open_new("anna EUR")
    with CaptureQueriesContext(
        connection,
    ) as one:
        listed(browser, page)
    page.open(*(f"a{number} EUR" for number in range(45)))
    page.write(*((uuid.uuid4().hex, f"a{number} 1.00, anna -1.00", "accepted") for number in range(0, 45, 5)))

    with CaptureQueriesContext(connection) as many:
        listed(browser, page)

    assert len(many) == len(one) <= QUERIES_MAX


def test_it_is_for_those_who_may_see_accounts(bystander):
    page = Page.open_new("anna EUR")

    assert listed(bystander, page).status_code == 403
    assert bystander.get(f"/admin/accounts/account/{page.id('anna')}/change/").status_code == 403
    assert bystander.get(f"/admin/accounts/account/{page.id('anna')}/export/").status_code == 403
