"""An account's page: balances, the history as filtered, exports of exactly that, and the changes of attributes."""

import csv
import io
import re

import openpyxl
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import reports
from ledger.admin import account_page
from ledger.queries import Window
from ledger.reports import HistoryFilter, search_history
from tests.ledger.page import Page

QUERIES_MAX = 25


@pytest.fixture
def anna() -> Page:
    page = Page.open_new("anna EUR", "bank EUR")
    page.write(
        ("salary", "bank -100.00, anna 100.00", "accepted", {"description": "Salary", "metadata": {"invoice": "7"}}),
        ("rent", "anna -70.00, bank 70.00", "accepted", {"effective_at": "2020-02-29T12:00:00Z"}),
        ("food", "anna -5.50, bank 5.50", "accepted", {"metadata": {"invoice": "8"}}),
        ("gift", "anna 5.00", "accepted"),
    )
    page.another_source().write(("salary", "anna 1.00", "accepted"))
    return page


def shown(browser, page: Page, **query: str):
    return browser.get(f"/admin/accounts/account/{page.id('anna')}/change/", query)


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", str(html))).strip()


def history(answer) -> list[str]:
    return [f"{row['key']} {text(row['amount'])} {text(row['balance'])}" for row in answer.context["rows"]]


EVERYTHING = ["salary 1.00 30.50", "gift 5.00 29.50", "food -5.50 24.50", "rent -70.00 30.00", "salary 100.00 100.00"]


@pytest.mark.parametrize("aggregated", [False, True])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, EVERYTHING),
        ({"order": "asc"}, EVERYTHING[::-1]),
        ({"direction": "in"}, [EVERYTHING[0], EVERYTHING[1], EVERYTHING[4]]),
        ({"direction": "out"}, [EVERYTHING[2], EVERYTHING[3]]),
        ({"least": "5", "most": "5.50"}, [EVERYTHING[1], EVERYTHING[2]]),
        ({"key": "salary"}, [EVERYTHING[0], EVERYTHING[4]]),
        ({"reference": "invoice=8"}, [EVERYTHING[2]]),
        ({"reference": "invoice=9"}, []),
        ({"since": "2000-01-01"}, EVERYTHING),
        ({"through": "2000-01-01"}, []),
        ({"by": "effective", "since": "2020-02-29", "through": "2020-02-29"}, [EVERYTHING[3]]),
        ({"by": "effective", "through": "2020-02-28"}, []),
        ({"by": "effective", "since": "2020-03-01", "direction": "out"}, [EVERYTHING[2]]),
    ],
)
def test_it_shows_the_history_as_filtered_with_the_account_s_own_running_balance(
    browser, anna, query, expected, aggregated
):
    if aggregated:
        anna.aggregate()

    assert history(shown(browser, anna, **query)) == expected


def test_it_filters_by_source(browser, anna):
    assert history(shown(browser, anna, source=str(anna.source_id), direction="in")) == [EVERYTHING[1], EVERYTHING[4]]


@pytest.mark.parametrize("order", ["", "asc"])
def test_it_goes_on_page_by_page(browser, anna, monkeypatch, order):
    monkeypatch.setattr(account_page, "HISTORY_ROWS_SHOWN", 2)
    seen, answer = [], shown(browser, anna, order=order)
    for _ in range(5):
        seen += history(answer)
        if answer.context["older"] is None:
            break
        answer = browser.get(f"/admin/accounts/account/{anna.id('anna')}/change/{answer.context['older']}")

    assert seen == (EVERYTHING[::-1] if order else EVERYTHING)


def test_it_looks_through_a_bounded_number_of_entries_and_says_where_to_go_on(anna, monkeypatch):
    monkeypatch.setattr(reports, "SEARCH_LOOKS", 2)
    monkeypatch.setattr(reports, "ENTRIES_PROBED_MAX", 3)
    account = {
        "book_id": anna.book_id,
        "account_id": anna.id("anna"),
        "where": HistoryFilter(metadata={"invoice": "7"}),
    }

    first = search_history(**account, window=Window(rows=10))
    second = search_history(**account, window=Window(before=first.position, rows=10))

    assert (first.rows, first.looked) == ([], 3)
    assert ([row.key for row in second.rows], second.position) == (["salary"], None)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"least": "1,5"}, "An amount is a decimal string"),
        ({"most": "1.234"}, "The unit has 2 decimals"),
        ({"reference": "invoice"}, "Write name=value"),
        ({"since": "yesterday"}, "Enter a valid date"),
        ({"through": "9999-12-31"}, "less than or equal to"),
        ({"source": "0"}, "Select a valid choice"),
        ({"at": "noon"}, "Enter a valid date/time"),
    ],
)
def test_it_says_what_is_wrong_with_a_filter(browser, anna, query, sentence):
    answer = shown(browser, anna, **query)

    assert answer.status_code == 200
    assert sentence in answer.content.decode()


def test_it_shows_the_balance_now_and_at_a_moment_in_both_senses(browser, anna):
    assert text(shown(browser, anna).context["balance"]) == "30.50 EUR"
    at = {"at": "2020-03-01T00:00"}

    recorded = shown(browser, anna, **at).context["balance_at"]
    effective = shown(browser, anna, **at, sense="effective").context["balance_at"]

    assert text(recorded["balance"]) == "0.00 EUR"
    assert text(effective["balance"]) == "-70.00 EUR"


def test_it_draws_the_balance_by_effective_day(browser, anna):
    anna.aggregate()

    chart = shown(browser, anna, since="2020-02-01", through="2020-03-31").context["chart"]

    assert chart["labels"] == ["2020-01-31", "2020-02-29"]
    assert chart["lines"][0]["values"] == ["0.00", "-70.00"]


def test_it_shows_who_changed_what_and_why(browser, anna):
    anna.change("anna", floor="-10.00", name="Anna")

    changes = shown(browser, anna).context["changes"]

    assert changes[0]["reason"] == "a page"
    assert changes[0]["differences"] == [("name", "none", "Anna"), ("floor", "none", "-10.00 EUR")]
    assert changes[0]["who"].startswith("page ")


def test_it_asks_the_same_number_of_questions_for_a_long_history(browser, anna):
    shown(browser, anna)
    with CaptureQueriesContext(connection) as short:
        shown(browser, anna)
    anna.write_batch(*((f"more-{number}", "anna 1.00", "accepted") for number in range(60)))

    with CaptureQueriesContext(connection) as long:
        shown(browser, anna)

    assert len(long) == len(short) <= QUERIES_MAX


@pytest.mark.parametrize("number", ["0", "99999999999", "999999999999999999999", "x", "1/2", "٣"])
def test_it_knows_no_other_accounts(browser, number):
    assert browser.get(f"/admin/accounts/account/{number}/change/").status_code == 404


# --- exports ---------------------------------------------------------------------------------------------------------


def exported(browser, page: Page, **query: str) -> bytes:
    answer = browser.get(f"/admin/accounts/account/{page.id('anna')}/export/", query)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def test_it_exports_exactly_what_is_filtered(browser, anna, monkeypatch):
    monkeypatch.setattr("ledger.admin.account_export.EXPORT_ROWS_PER_READ", 2)

    rows = list(csv.DictReader(io.StringIO(exported(browser, anna, direction="in").decode("utf-8-sig"))))

    assert [(row["key"], row["amount"], row["balance"], row["unit"]) for row in rows] == [
        ("salary", "1.00", "30.50", "EUR"),
        ("gift", "5.00", "29.50", "EUR"),
        ("salary", "100.00", "100.00", "EUR"),
    ]
    assert rows[2]["metadata"] == '{"invoice": "7"}'


def test_it_exports_the_same_as_a_spreadsheet_with_numbers(browser, anna):
    sheet = openpyxl.load_workbook(io.BytesIO(exported(browser, anna, format="xlsx"))).active

    header, *rows = sheet.iter_rows(values_only=True)
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["key"], row["amount"], row["balance"]) for row in found] == [
        ("salary", 1, 30.5),
        ("gift", 5, 29.5),
        ("food", -5.5, 24.5),
        ("rent", -70, 30),
        ("salary", 100, 100),
    ]


def test_it_loses_no_digit_of_a_long_amount(browser):
    page = Page.open_new("anna EUR")
    page.write(("k", "anna 123456789012345678901234567890.12", "accepted"))

    sheet = openpyxl.load_workbook(io.BytesIO(exported(browser, page, format="xlsx"))).active

    assert sheet["K2"].value == "123456789012345678901234567890.12"


def test_it_refuses_to_export_what_it_does_not_understand(browser, anna):
    for query in ({"least": "x"}, {"format": "exe"}):
        assert browser.get(f"/admin/accounts/account/{anna.id('anna')}/export/", query).status_code == 400


@pytest.mark.foreign
def test_no_spreadsheet_runs_what_strangers_wrote(browser, foreign_data):
    payloads = (foreign_data / "strings" / "csv_injection_payloads.txt").read_text(encoding="utf-8").splitlines()
    page = Page.open_new("anna EUR")
    told = [payload for payload in payloads if payload]
    page.write_batch(*((f"k{n}", "anna 1.00", "accepted", {"description": p}) for n, p in enumerate(told)))

    rows = list(csv.DictReader(io.StringIO(exported(browser, page, order="asc").decode("utf-8-sig"), newline="")))
    sheet = openpyxl.load_workbook(io.BytesIO(exported(browser, page, format="xlsx", order="asc"))).active

    assert [row["description"].removeprefix("'") for row in rows] == [p.removeprefix("'") for p in told]
    assert not [row["description"] for row in rows if row["description"].lstrip()[:1] in tuple("=+-@")]
    assert {cell.data_type for cell in sheet["H"]} == {"s"}
