"""Lists as files: the operations and the accounts as filtered, all rows instead of one page; who took them is recorded."""

import csv
import io
import uuid

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Book
from accounts.opening import NewAccount, open_accounts
from ledger.admin import exports, operations_export, operations_page
from security.access_models import AccessEvent, AccessRecord
from tests.ledger.page import Page


@pytest.fixture
def page() -> Page:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR", "carla EUR")
    page.write(
        ("salary", "bank -100.00, anna 100.00", "accepted", {"description": "Salary", "metadata": {"invoice": "7"}}),
        ("too-much", "anna -500.00, bank 500.00", "below_floor"),
        ("rent", "anna -70.00, carla 70.00", "accepted"),
        ("undo", "reverse rent", "accepted"),
    )
    return page


def exported(browser, page: Page, address: str, **query: str) -> bytes:
    answer = browser.get(f"/admin/{address}", {"book": Book.objects.get(id=page.book_id).name, **query})
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def as_csv(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"))))


def as_xlsx(file: bytes) -> list[dict[str, object]]:
    header, *rows = openpyxl.load_workbook(io.BytesIO(file)).active.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def operations(browser, page: Page, **query: str) -> list[dict[str, str]]:
    return as_csv(exported(browser, page, "ledger/operation/export/", **query))


def accounts(browser, page: Page, **query: str) -> list[dict[str, str]]:
    return as_csv(exported(browser, page, "accounts/account/export/csv/", **query))


def lines(rows: list[dict[str, str]]) -> list[tuple[str, ...]]:
    return [(row["key"], row["outcome"], row["account"], row["amount"], row["unit"]) for row in rows]


SALARY = [("salary", "accepted", "bank", "-100.00", "EUR"), ("salary", "accepted", "anna", "100.00", "EUR")]
RENT = [("rent", "accepted", "anna", "-70.00", "EUR"), ("rent", "accepted", "carla", "70.00", "EUR")]
UNDO = [("undo", "accepted", "anna", "70.00", "EUR"), ("undo", "accepted", "carla", "-70.00", "EUR")]
TOO_MUCH = [("too-much", "below_floor", "", "", "")]


@pytest.mark.parametrize("at_a_time", [1, 2, 200])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [*UNDO, *RENT, *TOO_MUCH, *SALARY]),
        ({"cursor": "1"}, [*UNDO, *RENT, *TOO_MUCH, *SALARY]),
        ({"kind": "reversal"}, UNDO),
        ({"outcome": "below_floor"}, TOO_MUCH),
        ({"account": "carla"}, [*UNDO, *RENT]),
        ({"reference": "invoice=7"}, SALARY),
        ({"key": "rent"}, RENT),
        ({"through": "2000-01-01"}, []),
    ],
)
def test_it_exports_each_entry_of_the_operations_that_are_filtered(
    browser, page, monkeypatch, query, expected, at_a_time
):
    monkeypatch.setattr(operations_export, "EXPORT_OPERATIONS_PER_READ", at_a_time)

    assert lines(operations(browser, page, **query)) == expected


def test_it_says_of_an_operation_what_its_message_said(browser, page):
    first, _ = operations(browser, page, key="salary")

    assert (first["description"], first["metadata"]) == ("Salary", '{"invoice": "7"}')
    assert first["operation"] == str(page.operation_id("salary"))
    assert first["kind"] == "operation"
    assert first["recorded_at"].endswith("+00:00")


def test_it_exports_operations_as_a_spreadsheet_with_numbers(browser, page):
    rows = as_xlsx(exported(browser, page, "ledger/operation/export/", format="xlsx", account="carla"))

    assert [(row["key"], row["account"], row["amount"]) for row in rows] == [
        ("undo", "anna", 70),
        ("undo", "carla", -70),
        ("rent", "anna", -70),
        ("rent", "carla", 70),
    ]


def test_it_stops_looking_where_no_index_helps_and_says_so(browser, page, monkeypatch):
    monkeypatch.setattr(operations_page, "OPERATIONS_LOOKED_MAX", 2)
    monkeypatch.setattr(operations_export, "EXPORT_LOOKS_MAX", 2)
    monkeypatch.setattr(operations_page.reports, "newest_operation_id", lambda: page.operation_id("undo"))

    found = operations(browser, page, kind="reversal")

    assert lines(found[:-1]) == UNDO
    assert found[-1]["operation"].startswith("The export ends here, after a look through 4 operations;")


def test_it_ends_with_a_sentence_at_the_limit_of_rows(browser, page, monkeypatch):
    monkeypatch.setattr(exports, "EXPORT_ROWS_MAX", 2)

    for rows in (operations(browser, page), accounts(browser, page)):
        assert len(rows) == 3
        assert "The export ends here, after 2 rows" in str(rows[-1])


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"account": "nobody"}, "There is no account nobody in this book."),
        ({"format": "exe"}, "The format is csv or xlsx."),
        ({"since": "x"}, "Enter a valid date."),
    ],
)
def test_it_refuses_to_export_operations_that_it_does_not_understand(browser, page, query, sentence):
    book = Book.objects.get(id=page.book_id).name

    answer = browser.get("/admin/ledger/operation/export/", {"book": book, **query})

    assert (answer.status_code, answer.content.decode()) == (400, sentence)


def standing(rows: list[dict[str, str]]) -> list[tuple[str, ...]]:
    return [(row["code"], row["unit"], row["floor"], row["status"], row["balance"]) for row in rows]


@pytest.mark.parametrize("at_a_time", [1, 2, 2_000])
@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({}, ["anna", "bank", "carla", "points"]),
        ({"o": "-1", "p": "1"}, ["anna", "bank", "carla", "points"]),
        ({"q": "an"}, ["anna"]),
        ({"q": "company"}, ["points"]),
        ({"unit": "EUR"}, ["anna", "bank", "carla"]),
        ({"status": "frozen"}, ["carla"]),
    ],
)
def test_it_exports_the_accounts_that_are_filtered_with_their_balances(
    browser, page, monkeypatch, query, codes, at_a_time
):
    monkeypatch.setattr("ledger.admin.accounts_export.EXPORT_ROWS_PER_READ", at_a_time)
    named = NewAccount("points", "JPY", "Company points", {"for": "x"}, None)
    open_accounts(book_id=page.book_id, source_id=page.source_id, accounts=[named])
    page.change("carla", status="frozen")

    rows = accounts(browser, page, **query)

    everything = {
        "anna": ("anna", "EUR", "0.00", "open", "100.00"),
        "bank": ("bank", "EUR", "", "open", "-100.00"),
        "carla": ("carla", "EUR", "", "frozen", "0.00"),
        "points": ("points", "JPY", "", "open", "0"),
    }
    assert standing(rows) == [everything[code] for code in codes]
    assert all(bool(row["moved_at"]) == (row["code"] != "points") for row in rows)
    assert {row["metadata"] for row in rows if row["code"] == "points"} <= {'{"for": "x"}'}


def test_it_exports_accounts_as_a_spreadsheet_with_numbers(browser, page):
    rows = as_xlsx(exported(browser, page, "accounts/account/export/xlsx/"))

    assert [(row["code"], row["balance"], row["floor"]) for row in rows] == [
        ("anna", 100, 0),
        ("bank", -100, None),
        ("carla", 0, None),
    ]


def test_it_asks_the_same_number_of_questions_for_more_accounts(browser, page):
    with CaptureQueriesContext(connection) as few:
        accounts(browser, page)
    page.open(*(f"a{number} EUR" for number in range(60)))

    with CaptureQueriesContext(connection) as many:
        found = accounts(browser, page)

    assert len(found) == 63
    # The access record may write what it has folded at any time.
    assert len(reads(many)) == len(reads(few))


def reads(captured: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in captured if query["sql"].lstrip().startswith(("SELECT", "--"))]


def test_it_makes_no_other_kind_of_file_and_knows_no_other_filter(browser, page):
    answers = {
        address: browser.get(f"/admin/accounts/account/export/{address}").status_code
        for address in ("exe/", "csv/?id=x", "csv/?p=x")
    }

    assert answers == {"exe/": 404, "csv/?id=x": 400, "csv/?p=x": 200}


def test_no_spreadsheet_runs_what_strangers_wrote(browser):
    page = Page.open_new("anna EUR")
    page.write(("=1+1", "anna 1.00", "accepted", {"description": "=cmd|' /C calc'!A0"}))
    named = NewAccount("x", "EUR", "@SUM(A1)", {}, None)
    open_accounts(book_id=page.book_id, source_id=page.source_id, accounts=[named])

    (row,) = operations(browser, page)

    assert (row["key"], row["description"]) == ("'=1+1", "'=cmd|' /C calc'!A0")
    assert [row["name"] for row in accounts(browser, page)] == ["", "'@SUM(A1)"]


@pytest.mark.parametrize("address", ["ledger/operation/export/", "accounts/account/export/csv/"])
def test_who_took_a_list_is_in_the_access_record(browser, bystander, page, address):
    before = AccessRecord.objects.order_by("-id").values_list("id", flat=True).first() or 0

    exported(browser, page, address)

    (row,) = AccessRecord.objects.filter(id__gt=before, event=AccessEvent.EXPORT, what=f"GET /admin/{address}")
    assert row.who.startswith("staff:panel-")
    assert bystander.get(f"/admin/{address}").status_code == 403


@pytest.mark.parametrize(
    ("address", "query", "rows"),
    [
        ("ledger/operation/", {"account": "carla"}, 4),
        ("ledger/operation/", {"account": "carla", "cursor": "1"}, 4),
        ("accounts/account/", {"q": "carla"}, 1),
    ],
)
def test_the_list_leads_to_its_files_with_its_filters(browser, page, address, query, rows):
    book = Book.objects.get(id=page.book_id).name
    answer = browser.get(f"/admin/{address}", {"book": book, **query})

    for kind, read in (("csv", as_csv), ("xlsx", as_xlsx)):
        link = answer.context[kind]
        assert link.replace("&", "&amp;") in answer.content.decode()
        assert len(read(b"".join(browser.get(link).streaming_content))) == rows


def test_an_empty_list_is_a_file_with_a_header_alone(browser):
    page = Page.open_new()

    assert operations(browser, page) == accounts(browser, page) == []
    assert accounts(browser, page, q=uuid.uuid4().hex) == []
