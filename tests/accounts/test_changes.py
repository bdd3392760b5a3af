"""What an account is never changes; what may change leaves a record, whoever changed it and however."""

import json

import psycopg
import pytest
from django.db import DatabaseError

from accounts.models import Account, AccountChange, Book, Unit
from tests.ledger.page import Page

FIRST = {"name": "", "metadata": {}, "status": "open", "floor": None, "fast_debit_limit": None}


def records(page: Page) -> list[tuple[int | None, str, dict[str, object], dict[str, object]]]:
    """Who, why, before and after of each change of anna, the oldest first, without the opening."""
    rows = AccountChange.objects.filter(book_id=page.book_id, account_id=page.id("anna")).order_by("id")
    return [(row.source_id, row.reason, row.before, row.after) for row in rows][1:]


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({"name": "Anna"}, {"name": "Anna"}),
        ({"metadata": {"team": "red"}}, {"metadata": {"team": "red"}}),
        ({"status": "frozen"}, {"status": "frozen"}),
        ({"floor": "-5.00"}, {"floor": "-500"}),
        ({"fast_debit_limit": "1.00"}, {"fast_debit_limit": "100"}),
        ({"floor": "0.00", "name": "Anna", "status": "frozen"}, {"floor": "0", "name": "Anna", "status": "frozen"}),
    ],
)
def test_it_records_each_change_with_who_why_before_and_after(
    changes: dict[str, object], after: dict[str, object]
) -> None:
    page = Page.open_new("anna EUR")

    page.change("anna", **changes)

    assert records(page) == [(page.source_id, "a page", FIRST, {**FIRST, **after})]


def test_it_records_changes_in_their_order() -> None:
    page = Page.open_new("anna EUR floor 0.00")
    other = page.another_source()

    page.change("anna", floor="5.00")
    other.change("anna", floor=None)
    page.change("anna", name="Anna")

    assert [(source, before["floor"], after["floor"]) for source, _, before, after in records(page)] == [
        (page.source_id, "0", "500"),
        (other.source_id, "500", None),
        (page.source_id, None, None),
    ]


def test_it_records_nothing_where_nothing_changed() -> None:
    page = Page.open_new("anna EUR floor 0.00")

    page.change("anna", floor="0.00", name="", metadata={}, status="open")

    assert records(page) == []


def test_it_records_both_steps_of_closing() -> None:
    page = Page.open_new("anna EUR")

    page.change("anna", status="closed")

    assert [(before["status"], after["status"]) for _, _, before, after in records(page)] == [
        ("open", "closing"),
        ("closing", "closed"),
    ]


def test_it_keeps_a_closed_account_closed_but_lets_it_be_described() -> None:
    page = Page.open_new("anna EUR")
    page.change("anna", status="closed")

    for refused in ({"status": "open"}, {"status": "frozen"}, {"floor": "0.00"}, {"floor": None, "name": "Anna"}):
        with pytest.raises(Exception, match="stays closed"):
            page.change("anna", **refused)
    page.change("anna", name="Anna", status="closed")

    account = page.account("anna")
    assert (account.status, account.name, account.floor) == ("closed", "Anna", None)


def test_it_records_a_change_made_by_hand(owner_connection: psycopg.Connection) -> None:
    page = Page.open_new("anna EUR")

    owner_connection.execute("UPDATE accounts_account SET name = 'by hand' WHERE id = %s", (page.id("anna"),))

    assert records(page) == [(None, "", FIRST, {**FIRST, "name": "by hand"})]


@pytest.mark.parametrize(
    "change",
    ["code = 'ben'", "unit_id = unit_id + 1", "book_id = book_id + 1", "id = id + 1000000", "opened_at = now()"],
)
def test_it_never_changes_what_an_account_is(change: str, owner_connection: psycopg.Connection) -> None:
    page = Page.open_new("anna EUR")
    where = (page.id("anna"),)

    with pytest.raises(psycopg.errors.RestrictViolation, match="identity"):
        owner_connection.execute(f"UPDATE accounts_account SET {change} WHERE id = %s", where)

    assert page.account("anna").unit.code == "EUR"
    assert records(page) == []


def test_it_never_ungates_an_account(owner_connection: psycopg.Connection) -> None:
    page = Page.open_new("anna EUR floor 0.00")

    with pytest.raises(psycopg.errors.RestrictViolation):
        owner_connection.execute(
            "UPDATE accounts_account SET floor = NULL, gated = false WHERE id = %s", (page.id("anna"),)
        )


def test_it_never_holds_a_floor_without_the_gate(owner_connection: psycopg.Connection) -> None:
    page = Page.open_new("anna EUR")

    with pytest.raises(psycopg.errors.CheckViolation):
        owner_connection.execute("UPDATE accounts_account SET floor = 0 WHERE id = %s", (page.id("anna"),))


def test_it_refuses_a_first_floor_in_one_step(database_url: str) -> None:
    page = Page.open_new("anna EUR")

    with psycopg.connect(database_url, autocommit=True) as connection:
        told = connection.execute(
            "SELECT o_problem FROM ledger_change_account_v1(%s, %s, NULL, '', %s)",
            (page.book_id, page.id("anna"), json.dumps({"gated": True, "floor": "0"})),
        ).fetchone()

    assert told == ("not_gated",)
    assert page.account("anna").gated is False


def test_it_refuses_to_close_in_one_step(database_url: str) -> None:
    page = Page.open_new("anna EUR")

    with psycopg.connect(database_url, autocommit=True) as connection:
        told = connection.execute(
            "SELECT o_problem FROM ledger_change_account_v1(%s, %s, NULL, '', %s)",
            (page.book_id, page.id("anna"), json.dumps({"status": "closed"})),
        ).fetchone()

    assert told == ("changed_meanwhile",)
    assert page.account("anna").status == "open"


@pytest.mark.parametrize("model", [Book, Unit])
def test_it_never_changes_a_book_or_a_unit(model: type[Book] | type[Unit]) -> None:
    Page.open_new("anna EUR")
    row = model.objects.order_by("id").first()
    assert row is not None

    for act in (
        row.delete,
        row.save,
        lambda: model.objects.all().delete(),
        lambda: model.objects.update(created_at=None),
    ):
        with pytest.raises(DatabaseError, match="permission denied"):  # and its owner is refused too: tests/appendonly
            act()


def test_it_shows_accounts_to_the_orm_and_lets_it_change_none() -> None:
    page = Page.open_new("anna EUR")
    account = Account.objects.get(id=page.id("anna"))

    account.name = "by the ORM"
    with pytest.raises(TypeError, match="append-only"):
        account.save()
    assert page.account("anna").name == ""
