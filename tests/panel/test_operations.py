"""Operations in the panel: found by anything that a message says; each with the way from its message to its records."""

import re
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Book
from ledger.admin import fields, operations_page
from ledger.models import Entry
from tests.ledger.page import Page

QUERIES_MAX = 25


@pytest.fixture
def page() -> Page:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR", "carla EUR")
    page.write(
        ("salary", "bank -100.00, anna 100.00", "accepted", {"description": "Salary", "metadata": {"invoice": "7"}}),
        ("too-much", "anna -500.00, bank 500.00", "below_floor"),
        ("rent", "anna -70.00, carla 70.00", "accepted"),
        ("undo", "reverse rent", "accepted"),
    )
    page.another_source().write(("salary", "carla 1.00", "accepted"))
    return page


def listed(browser, page: Page, **query: str):
    return browser.get("/admin/ledger/operation/", {"book": Book.objects.get(id=page.book_id).name, **query})


def keys(answer) -> list[str]:
    return [row["key"] for row in answer.context["operations"]]


EVERYTHING = ["salary", "undo", "rent", "too-much", "salary"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, EVERYTHING),
        ({"outcome": "accepted"}, ["salary", "undo", "rent", "salary"]),
        ({"outcome": "below_floor"}, ["too-much"]),
        ({"kind": "reversal"}, ["undo"]),
        ({"key": "salary"}, ["salary", "salary"]),
        ({"key": "salary", "account": "anna"}, ["salary"]),
        ({"key": "Salary"}, []),
        ({"account": "carla"}, ["salary", "undo", "rent"]),
        ({"account": "anna", "outcome": "below_floor"}, ["too-much"]),
        ({"account": "anna", "kind": "reversal"}, ["undo"]),
        ({"reference": "invoice=7"}, ["salary"]),
        ({"reference": "invoice=8"}, []),
        ({"through": "2000-01-01"}, []),
        ({"since": "2000-01-01"}, EVERYTHING),
    ],
)
def test_it_finds_operations_by_what_they_say(browser, page, query, expected):
    assert keys(listed(browser, page, **query)) == expected


def test_it_finds_operations_of_a_source(browser, page):
    assert keys(listed(browser, page, source=str(page.source_id))) == EVERYTHING[1:]


def test_it_finds_operations_of_a_source_that_is_not_among_those_offered(browser, page, monkeypatch):
    monkeypatch.setattr(fields, "SOURCES_OFFERED_MAX", 0)

    assert keys(listed(browser, page, source=str(page.source_id))) == EVERYTHING[1:]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"account": "nobody"}, "There is no account nobody in this book."),
        ({"outcome": "x"}, "Select a valid choice"),
        ({"source": "999999999999999999"}, "Select a valid choice"),
        ({"source": "x"}, "Select a valid choice"),
        ({"since": "x"}, "Enter a valid date"),
        ({"key": "\x00"}, "Null characters are not allowed."),
        ({"cursor": "x"}, "salary"),
        ({"cursor": "99999999999999999999999"}, "salary"),
    ],
)
def test_it_says_what_is_wrong_with_a_filter(browser, page, query, sentence):
    answer = listed(browser, page, **query)

    assert answer.status_code == 200
    assert sentence in answer.content.decode()


def test_it_goes_on_page_by_page(browser, page, monkeypatch):
    monkeypatch.setattr(operations_page, "OPERATIONS_SHOWN", 2)
    seen, answer = [], listed(browser, page)
    for _ in range(5):
        seen += keys(answer)
        if answer.context["older"] is None:
            break
        answer = browser.get(f"/admin/ledger/operation/{answer.context['older']}")

    assert seen == EVERYTHING


def test_it_looks_back_in_bounded_steps_where_no_index_helps(browser, page, monkeypatch):
    monkeypatch.setattr(operations_page, "OPERATIONS_LOOKED_MAX", 2)
    monkeypatch.setattr(operations_page.reports, "newest_operation_id", lambda: page.operation_id("undo") + 1)

    answer = listed(browser, page, kind="operation", source=str(page.source_id))
    seen = keys(answer)
    while "salary" not in seen:
        answer = browser.get(f"/admin/ledger/operation/{answer.context['older']}")
        seen += keys(answer)

    assert seen == ["rent", "too-much", "salary"]


def test_it_asks_the_same_number_of_questions_for_every_page(browser, page):
    listed(browser, page)
    with CaptureQueriesContext(connection) as few:
        listed(browser, page)
    page.write_batch(*((uuid.uuid4().hex, "bank -1.00, carla 1.00", "accepted") for _ in range(49)))

    with CaptureQueriesContext(connection) as many:
        listed(browser, page)

    assert len(many) == len(few) <= QUERIES_MAX


def text_of(browser, page: Page, key: str) -> str:
    answer = browser.get(f"/admin/ledger/operation/{page.operation_id(key)}/change/")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


def test_it_shows_an_operation_from_its_message_to_its_records(browser, page):
    text = text_of(browser, page, "salary")

    for part in ("a page", "bank", "-100.00 EUR", "anna", "100.00 EUR", "Salary", "invoice", "accepted"):
        assert part in text
    assert "2 on 2 accounts" in text


def test_it_links_an_operation_and_its_reversal_both_ways(browser, page):
    assert f"It was reversed by operation {page.operation_id('undo')}" in text_of(browser, page, "rent")
    assert f"It reverses operation {page.operation_id('rent')}" in text_of(browser, page, "undo")


def test_it_tells_in_a_sentence_why_an_operation_was_refused(browser, page):
    text = text_of(browser, page, "too-much")

    assert "The operation would take an account below its floor." in text
    assert "A refused operation has no entries" in text


def test_it_offers_nothing_that_cannot_be_done(browser, page):
    acts = {
        key: [
            act["label"]
            for act in browser.get(f"/admin/ledger/operation/{page.operation_id(key)}/change/").context["acts"]
        ]
        for key in ("rent", "undo", "too-much")
    }

    assert acts == {"rent": ["Correct"], "undo": ["Correct"], "too-much": []}
    pages = [
        browser.get(f"/admin/ledger/operation/{page.operation_id('rent')}/{end}/") for end in ("delete", "history")
    ]
    assert pages[0].status_code == 403
    assert b"_save" not in browser.get(f"/admin/ledger/operation/{page.operation_id('rent')}/change/").content


def test_it_keeps_a_stranger_s_message_from_becoming_a_page(browser):
    page = Page.open_new("anna EUR")
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    page.write((evil[:200], "anna 1.00", "accepted", {"description": evil, "metadata": {evil[:50]: evil}}))

    for address in (f"{page.operation_id(evil)}/change/", "?book=" + Book.objects.get(id=page.book_id).name):
        html = browser.get(f"/admin/ledger/operation/{address}").content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html


def test_entries_are_found_by_their_account(browser, page):
    book = Book.objects.get(id=page.book_id).name

    found = browser.get("/admin/ledger/entry/", {"book": book, "q": "carla"}).context["cl"].result_list

    assert [int(entry.amount) for entry in found] == [100, -7000, 7000]
    assert browser.get(f"/admin/ledger/entry/{found[0].pk}/change/").status_code == 200
    assert Entry.objects.filter(book_id=page.book_id).count() == 7


def test_an_account_s_operations_of_a_kind_are_found_by_looking_further(browser, monkeypatch):
    monkeypatch.setattr(operations_page, "ENTRIES_PROBED_MAX", 3)
    page = Page.open_new("anna EUR", "bank EUR")
    page.write(*((f"k{n}", "bank -1, anna 1", "accepted", {"metadata": {"even": str(n % 2 == 0)}}) for n in range(10)))
    address = (
        f"/admin/ledger/operation/?book={Book.objects.get(id=page.book_id).name}&account=anna&reference=even%3DTrue"
    )

    seen, pages, cursor = [], 0, ""
    while cursor is not None:
        context = browser.get(f"{address}&cursor={cursor}").context
        seen += [row["key"] for row in context["operations"]]
        cursor = parse_qs(urlsplit(context["older"]).query)["cursor"][0] if context["older"] else None
        pages += 1

    assert seen == ["k8", "k6", "k4", "k2", "k0"]
    assert pages == 4  # of three entries each, and of the last one
