"""One field that finds accounts, operations, entries, keys and references, for who may see them."""

import json
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.opening import NewAccount, open_accounts
from ledger.models import Entry
from tests.ledger.page import Page

QUERIES_MAX = 25


@pytest.fixture
def mark() -> str:
    """A word that no other test uses."""
    return uuid.uuid4().hex


@pytest.fixture
def page(mark) -> Page:
    page = Page.open_new(f"{mark}:wallet EUR", "bank EUR")
    named = NewAccount("x:1", "EUR", f"Anna {mark}", {}, None)
    open_accounts(book_id=page.book_id, source_id=page.source_id, accounts=[named])
    page.write((f"Key-{mark}", f"bank -1.00, {mark}:wallet 1.00", "accepted", {"metadata": {"invoice": f"Inv {mark}"}}))
    return page


def found(browser, text: str) -> list[str]:
    answer = browser.get("/admin/find/", {"s": text})
    assert answer.status_code == 200
    return [hit.title for hit in answer.context["results"]]


def test_it_finds_accounts_by_the_beginning_of_code_or_name(browser, page, mark):
    assert found(browser, mark[:20]) == [f"{mark}:wallet"]
    assert found(browser, f"anna {mark}"[:25]) == ["x:1"]


def test_it_finds_operations_by_key_number_and_reference(browser, page, mark):
    operation = page.operation_id(f"Key-{mark}")
    title = f"Operation {operation}: Key-{mark}"

    assert found(browser, f"Key-{mark}") == [title]
    assert title in found(browser, str(operation))
    assert found(browser, f"invoice=Inv {mark}") == [title]
    assert found(browser, f"Inv {mark}") == [title]
    assert found(browser, f"key-{mark}") == []


def test_it_finds_an_entry_by_its_number(browser, page, mark):
    entry = Entry.objects.filter(book_id=page.book_id).first()

    assert f"Entry {entry.id}" in found(browser, str(entry.id))


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "=", "= 1", "a=", "9" * 40, "x" * 400, "%", "_", "'", "\\", "\ud7ff", "{}"]
)
def test_it_bears_whatever_is_typed(browser, text):
    assert browser.get("/admin/find/", {"s": text}).status_code == 200


@pytest.mark.foreign
def test_it_bears_naughty_strings(browser, foreign_data):
    for text in json.loads((foreign_data / "strings" / "blns.json").read_text(encoding="utf-8"))[::5]:
        answer = browser.get("/admin/find/", {"s": text})
        assert answer.status_code == (200 if len(text) <= 500 else 403)
        assert "<script>alert" not in answer.content.decode()


def test_it_finds_nothing_for_who_may_see_nothing(bystander, page, mark):
    assert found(bystander, mark) == found(bystander, f"Key-{mark}") == []


def test_it_asks_a_bounded_number_of_questions(browser, page, mark):
    with CaptureQueriesContext(connection) as asked:
        found(browser, mark)

    assert len(asked) <= QUERIES_MAX


def test_it_answers_the_field_with_a_list_only(browser, page, mark):
    part = browser.get("/admin/find/", {"s": mark}, headers={"HX-Request": "true"}).content.decode()

    assert "command-results-list" in part
    assert "<html" not in part
