"""The one door under load of numbers: large batches, and how many statements they take."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import transaction

from ledger import posting, queries
from ledger.conversion import convert
from ledger.sealing import mac
from tests.ledger.page import Page


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that this process sends to PostgreSQL, Django's and the prepared ones."""
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def noting(cursor, query, *args, **kwargs):
        sent.append(str(query))
        return execute(cursor, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", noting)
    return sent


@pytest.mark.parametrize("operations", [1, 10, 1_000])
def test_it_takes_as_many_statements_for_one_operation_as_for_a_thousand(
    operations: int, statements: list[str]
) -> None:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    page.write(("funds", "anna 10.00, bank -10.00", "accepted"))
    newcomers = [f"newcomer-{number} EUR" for number in range(operations)]
    page.open(*newcomers)
    fresh = [page.message(f"fresh {number}", f"newcomer-{number} 0.01, anna -0.01") for number in range(operations)]

    def statements_for(batch, outcome):
        statements.clear()
        assert page.accept(batch) == [outcome] * operations
        return len(statements)

    counts = {
        "accounts and the post": statements_for(fresh, "accepted"),
        "the post, when accounts are known": statements_for(fresh, "accepted again"),
    }
    undo = [page.message(f"undo {number}", f"reverse fresh {number}") for number in range(operations)]
    counts["originals, their entries and the post"] = statements_for(undo, "accepted")

    assert list(counts.values()) == [2, 1, 3], counts
    page.shows("anna 10.00, bank -10.00")


def test_it_posts_five_thousand_operations_in_one_call() -> None:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    batch = [page.message(f"in {number}", "anna 1.00, bank -1.00") for number in range(2_500)]
    batch += [page.message(f"out {number}", "anna -2.00, bank 2.00") for number in range(2_500)]
    known = queries.known_accounts(book_id=page.book_id, messages=batch)
    drafts = [convert(message, known, {}) for message in batch]

    receipts = posting.post(
        book_id=page.book_id,
        messages=batch,
        drafts=drafts,
        macs=mac.of_operations(book_id=page.book_id, messages=batch, drafts=drafts),
        all_or_nothing=False,
    )

    assert [receipt.outcome for receipt in receipts] == ["accepted"] * 3_750 + ["below_floor"] * 1_250
    page.shows("anna 0.00, bank 0.00")


def test_it_takes_ten_thousand_operations_at_once() -> None:
    page = Page.open_new("anna EUR", "bank EUR")
    batch = [page.message(f"row {number}", "anna 0.01, bank -0.01") for number in range(10_000)]

    assert page.accept(batch) == ["accepted"] * 10_000

    page.shows("anna 100.00, bank -100.00")
    assert (page.count("ledger_operation"), page.count("ledger_entry")) == (10_000, 20_000)


def test_it_takes_ten_thousand_operations_as_all_or_nothing() -> None:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    page.write(("funds", "anna 99.99, bank -99.99", "accepted"))
    batch = [page.message(f"row {number}", "anna -0.01, bank 0.01") for number in range(10_000)]

    told = page.accept(batch, all_or_nothing=True)

    assert told == ["batch_refused"] * 9_999 + ["below_floor"]
    page.shows("anna 99.99, bank -99.99")


def test_it_takes_an_empty_batch() -> None:
    page = Page.open_new("anna EUR")

    assert page.accept([]) == []
    assert page.accept([], all_or_nothing=True) == []


def test_it_is_a_transaction_of_its_own_and_never_part_of_another() -> None:
    page = Page.open_new("anna EUR")

    with pytest.raises(RuntimeError, match="transaction of its own"), transaction.atomic():
        page.accept([page.message("gift", "anna 1.00")])

    page.write(("gift", "anna 1.00", "accepted"))
