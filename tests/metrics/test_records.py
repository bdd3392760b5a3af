"""Counts of records: exact, without a scan, also with writers under way; and a wrong one is found."""

# ruff: noqa: PLC0415 - Django's settings are first read after this file; see tests/conftest.py

import psycopg
import pytest

TABLES = {
    "operations": "SELECT count(*) FROM ledger_operation WHERE book_id = %s",
    "keys": "SELECT count(*) FROM ledger_operation_key WHERE book_id = %s",
    "entries": "SELECT count(*) FROM ledger_entry WHERE book_id = %s",
    "snapshots": "SELECT count(*) FROM ledger_snapshot WHERE book_id = %s",
    "turnover": "SELECT count(*) FROM ledger_turnover WHERE book_id = %s",
    "accounts": "SELECT count(*) FROM accounts_account WHERE book_id = %s",
    "account_changes": "SELECT count(*) FROM accounts_account_change WHERE book_id = %s",
    "inbox": "SELECT count(*) FROM ledger_inbox WHERE book_id = %s",
}


@pytest.fixture
def page() -> object:
    from tests.ledger.page import Page

    return Page.open_new("anna EUR floor 0.00", "bank EUR")


def counts(page: object) -> dict[str, int]:
    from accounts.models import Book
    from ledger import records

    name = Book.objects.get(id=page.book_id).name
    return {count.repository: count.records for count in records.counts() if count.book == name}


def in_tables(page: object) -> dict[str, int]:
    return {name: page.query(statement, page.book_id)[0][0] for name, statement in TABLES.items()}


def test_it_counts_what_the_tables_hold(page: object) -> None:
    days = [{"effective_at": f"2024-{1 + number % 12:02}-10T12:00:00Z"} for number in range(40)]
    page.write_batch(*((f"pay {n}", "bank -1.00, anna 1.00", "accepted", day) for n, day in enumerate(days)))
    page.write(("too much", "anna -100.00, bank 100.00", "below_floor"))
    page.change("anna", name="Anna")
    for _ in range(2):  # accounts count by a mark of their own, which the next run uses
        page.aggregate()

    assert counts(page) == in_tables(page)
    assert counts(page)["operations"] == 41
    assert counts(page)["entries"] == 80


def test_it_counts_each_record_once(page: object) -> None:
    for number in range(3):
        page.write((f"pay {number}", "bank -1.00, anna 1.00", "accepted"))
        page.aggregate()
        page.aggregate()

    assert counts(page) == in_tables(page)


def test_it_writes_nothing_where_nothing_is_new(page: object) -> None:
    def versions() -> list[tuple[object, ...]]:
        return page.query("SELECT xmin::text, xmax::text FROM ledger_record_count WHERE book_id = %s", page.book_id)

    page.write(("pay", "bank -1.00, anna 1.00", "accepted"))
    for _ in range(3):
        page.aggregate()
    before = versions()

    page.aggregate()

    assert versions() == before


def test_it_counts_anew_after_a_rebuild(page: object) -> None:
    from ledger import aggregates

    page.write(("pay", "bank -1.00, anna 1.00", "accepted"))
    page.aggregate()

    aggregates.rebuild(book_id=page.book_id)
    page.aggregate()

    assert counts(page) == in_tables(page)


def test_it_leaves_out_an_account_that_may_still_appear(page: object, owner_connection: psycopg.Connection) -> None:
    """A transaction that opened an account holds its id back; younger ones are counted only when it has ended."""
    from accounts.opening import NewAccount, open_accounts
    from ledger import aggregates, records
    from tests.ledger.slow_motion import wait_until

    page.aggregate()
    page.aggregate()
    before = counts(page)["accounts"]
    insert = (
        "INSERT INTO accounts_account (book_id, code, unit_id) SELECT %s, 'slow', unit_id FROM accounts_account LIMIT 1"
    )
    with owner_connection.transaction():
        owner_connection.execute(insert, (page.book_id,))
        new = NewAccount(code="quick", unit="EUR", name="", metadata={}, floor_minor=None)
        open_accounts(book_id=page.book_id, source_id=page.source_id, accounts=[new])
        for _ in range(3):
            records.count(book_id=page.book_id)
        during = counts(page)["accounts"]

    def counted() -> int:
        records.count(book_id=page.book_id)
        return counts(page)["accounts"]

    assert during == before
    wait_until(lambda: counted() == before + 2)  # transactions of other databases of the server hold it back, too
    assert aggregates.drift(book_id=page.book_id).records == 0


def test_it_finds_a_wrong_count(page: object, superuser_connection: psycopg.Connection) -> None:
    from ledger import aggregates

    page.write(("pay", "bank -1.00, anna 1.00", "accepted"))
    page.aggregate()
    assert aggregates.drift(book_id=page.book_id).records == 0

    superuser_connection.execute(
        "UPDATE ledger_record_count SET records = records + 1 WHERE book_id = %s AND repository = 'entries'",
        (page.book_id,),
    )

    assert aggregates.drift(book_id=page.book_id).records == 1


def test_it_refuses_to_count_in_a_transaction_that_has_an_id(page: object) -> None:
    """Its own mark of accounts would be too old."""
    from django.db import DatabaseError, transaction

    from ledger import records

    with transaction.atomic():
        page.query("SELECT pg_current_xact_id()::text")
        with pytest.raises(DatabaseError, match="a transaction of its own"):
            records.count(book_id=page.book_id)
        transaction.set_rollback(True)
