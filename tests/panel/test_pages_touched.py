"""How much of the tables a list of the panel touches: as much as it shows, however many operations there are."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.ledger.page import Page

OPERATIONS = 3_000
# A page of the list, the names on it, and some catalogue; all operations lie on more than 100.
PAGES_MAX = 60
QUERIES_MAX = 25


@pytest.fixture(scope="module")
def page() -> Page:
    page = Page.open_new("anna EUR", "bert EUR")
    for start in range(0, OPERATIONS, 500):
        batch = [page.message(f"k{number}", "anna 1") for number in range(start, start + 500)]
        assert set(page.accept(batch)) == {"accepted"}
    return page


def touched(act: Callable[[], Any], statement: str) -> list[int]:
    """The pages that each read of operations touches while something is done."""
    seen = []

    def explain(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if statement in sql:
            with connection.cursor() as cursor:
                raw = cursor.cursor
                raw.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", parameters)
                found = raw.fetchone()[0]
            plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
            seen.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explain):
        act()
    return seen


def test_an_account_s_snapshots_and_entries_are_read_through_its_index(browser: Any, page: Page) -> None:
    from accounts.models import Book  # noqa: PLC0415 - see tests/conftest.py

    page.aggregate()
    for kind in ("entry", "snapshot"):
        address = f"/admin/ledger/{kind}/?book={Book.objects.get(id=page.book_id).name}&q=bert"

        pages = touched(lambda address=address: browser.get(address), f'FROM "ledger_{kind}"')

        assert pages, kind
        assert max(pages) <= PAGES_MAX, kind


@pytest.mark.parametrize(
    ("query", "statement"),
    [
        ("key=none-such", "AS position FROM ledger_operation o"),
        ("key=k7", "AS position FROM ledger_operation o"),
        ("account=anna&key=none-such", "AS position FROM ledger_entry e"),
        ("account=anna&key=k7", "AS position FROM ledger_entry e"),
    ],
)
def test_a_key_is_looked_up_and_never_looked_for(browser: Any, page: Page, query: str, statement: str) -> None:
    from accounts.models import Book  # noqa: PLC0415 - see tests/conftest.py

    address = f"/admin/ledger/operation/?book={Book.objects.get(id=page.book_id).name}&{query}"

    pages = touched(lambda: browser.get(address), statement)

    assert pages, address
    assert max(pages) <= PAGES_MAX
    assert ("k7" in browser.get(address).content.decode().partition("result_list")[2]) is query.endswith("k7")


def test_a_key_in_a_history_is_looked_up_and_never_looked_for(browser: Any, page: Page) -> None:
    for key, found in (("none-such", False), ("k7", True)):
        address = f"/admin/accounts/account/{page.id('anna')}/change/?key={key}"

        pages = touched(lambda address=address: browser.get(address), "WITH looked AS")

        assert pages, key
        assert max(pages) <= 2 * PAGES_MAX, key  # with the balance beside what is found
        assert ("history-table" in browser.get(address).content.decode()) is found


# Through how many entries a page looks below; each costs up to a dozen pages, of which it finds most again.
PROBED = 40


@pytest.mark.parametrize("query", ["kind=reversal", "reference=invoice%3D1", "kind=reversal&reference=invoice%3D1"])
def test_what_only_operations_know_is_looked_for_among_so_many_entries_of_an_account(
    browser: Any, page: Page, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts.models import Book  # noqa: PLC0415 - see tests/conftest.py
    from ledger.admin import operations_page  # noqa: PLC0415

    address = f"/admin/ledger/operation/?book={Book.objects.get(id=page.book_id).name}&account=anna&{query}"

    def read(entries: int) -> int:
        monkeypatch.setattr(operations_page, "ENTRIES_PROBED_MAX", entries)
        return max(touched(lambda: browser.get(address), "AS position FROM ledger_entry e"))

    assert read(PROBED) <= 12 * PROBED
    assert read(OPERATIONS) > 24 * PROBED  # the control: without the bound it reads them all
    monkeypatch.setattr(operations_page, "ENTRIES_PROBED_MAX", PROBED)
    assert "Look further" in browser.get(address).content.decode()


def test_each_filter_asks_few_questions(browser: Any, page: Page) -> None:
    from accounts.models import Book  # noqa: PLC0415 - see tests/conftest.py

    address = f"/admin/ledger/operation/?book={Book.objects.get(id=page.book_id).name}&"
    account = f"/admin/accounts/account/{page.id('anna')}/change/?"
    browser.get(address)  # what is read once in a process
    counts = {}
    for start, queries in (
        (
            address,
            ("", "kind=operation", "account=anna", "account=anna&kind=reversal", "account=anna&since=2020-01-01"),
        ),
        (account, ("", "key=k7", "reference=invoice%3D1", "direction=in", "effective_since=2020-01-01")),
    ):
        for query in queries:
            with CaptureQueriesContext(connection) as asked:
                browser.get(start + query)
            counts[start + query] = len(asked)

    assert {place: count for place, count in counts.items() if count > QUERIES_MAX} == {}
