"""Group operations: two or more entries, all or nothing, zero for each unit."""

import psycopg
import pytest

from ledger.limits import ENTRIES_PER_OPERATION_MAX
from tests.ledger.page import Page
from tests.ledger.poster import Poster


@pytest.mark.parametrize(
    ("outcome", "entries"),
    [
        ("accepted", "anna -1.00, ben 1.00"),
        ("accepted", "anna -1.00, ben 0.40, carl 0.60"),
        ("accepted", "anna -1.00, anna 1.00"),
        ("accepted", "anna -0.5, ben 0.50"),
        ("unbalanced", "anna -1.00, ben 1.01"),
        ("unbalanced", "anna 1.00, ben 1.00"),
        ("unbalanced", "anna -1.00, ben 1.00, carl 0.01"),
        ("unbalanced", "anna -1.00, anna 0.99"),
        ("accepted", "anna -1.00, ben 1.00, anna-usd 2.00, ben-usd -2.00"),
        ("unbalanced", "anna -1.00, ben-usd 1.00"),
        ("unbalanced", "anna -1.00, ben 1.00, anna-usd 2.00"),
        ("unbalanced", "anna -1.00, ben 2.00, anna-usd 1.00, ben-usd -2.00"),
    ],
)
def test_it_takes_a_group_only_when_each_unit_adds_up_to_zero(outcome: str, entries: str) -> None:
    page = Page.open_new("anna EUR", "ben EUR", "carl EUR", "anna-usd USD", "ben-usd USD")

    page.write(("group", entries, outcome))

    units = page.query(
        "SELECT a.unit_id, sum(e.amount) FROM ledger_entry e JOIN accounts_account a ON a.id = e.account_id"
        " WHERE e.book_id = %s GROUP BY a.unit_id",
        page.book_id,
    )
    assert all(total == 0 for _, total in units)
    assert page.count("ledger_entry") == (len(entries.split(",")) if outcome == "accepted" else 0)


def test_it_adds_up_many_entries_on_one_account() -> None:
    page = Page.open_new("anna EUR", "bank EUR")

    page.write(("bits", "anna 0.10, anna 0.20, anna -0.05, bank -0.25", "accepted"))

    page.shows("anna 0.25, bank -0.25")
    assert page.count("ledger_entry") == 4


def test_it_exchanges_units_through_exchange_accounts() -> None:
    page = Page.open_new("anna EUR floor 0.00", "anna-usd USD", "exchange EUR", "exchange-usd USD")
    page.write(("salary", "anna 100.00", "accepted"))

    page.write(("buy", "anna -100.00, exchange 100.00, exchange-usd -108.31, anna-usd 108.31", "accepted"))

    page.shows("anna 0.00, anna-usd 108.31, exchange 100.00, exchange-usd -108.31")


def test_it_takes_a_thousand_entries_and_not_one_more() -> None:
    page = Page.open_new("anna EUR", "bank EUR")
    thousand = ", ".join(["anna 0.01"] * (ENTRIES_PER_OPERATION_MAX - 1) + ["bank -9.99"])

    page.write(
        ("thousand", thousand, "accepted"),
        ("one more", f"{thousand}, anna 0.01", "too_many_entries"),
        ("one more", f"{thousand}, anna 0.01", "too_many_entries again"),
    )

    page.shows("anna 9.99, bank -9.99")


def test_it_adds_up_amounts_of_38_digits_without_losing_one() -> None:
    page = Page.open_new("anna JPY", "ben JPY")
    most = "9" * 38

    page.write(
        ("exact", f"anna {most}, anna {most}, ben -{most}, ben -{most}", "accepted"),
        ("off by one", f"anna {most}, ben -{most[:-1]}8", "unbalanced"),
    )

    page.shows(f"anna {2 * int(most)}, ben -{2 * int(most)}")


def test_it_refuses_a_whole_group_for_one_bad_entry() -> None:
    page = Page.open_new("anna EUR", "ben EUR", "poor EUR floor 0.00")

    page.write(
        ("unknown", "anna -2.00, ben 1.00, nobody 1.00", "account_unknown"),
        ("poor", "anna 1.00, ben 1.00, poor -2.00", "below_floor"),
        ("scale", "anna -1.001, ben 1.001", "amount_scale"),
    )

    page.shows("anna 0.00, ben 0.00, poor 0.00")


@pytest.mark.parametrize(
    "entries",
    [[("anna", -1), ("ben", 2)], [("anna", -1), ("anna-usd", 1)], [("anna", -1), ("ben", 1), ("anna-usd", 5)]],
)
def test_it_is_held_by_the_posting_function_itself(entries: list[tuple[str, int]], database_url: str) -> None:
    page = Page.open_new("anna EUR", "ben EUR", "anna-usd USD")

    with psycopg.connect(database_url, autocommit=True) as connection:
        poster = Poster(connection, book_id=page.book_id, source_id=page.source_id)
        with pytest.raises(psycopg.errors.RaiseException, match="not zero for each unit"):
            poster.post(
                ("fine", [(page.id("anna"), 1)]), ("group", [(page.id(name), amount) for name, amount in entries])
            )

    assert page.count("ledger_operation") == 0


def test_it_is_held_also_beside_operations_that_have_no_entries(database_url: str) -> None:
    page = Page.open_new("anna EUR", "ben EUR")

    with psycopg.connect(database_url, autocommit=True) as connection:
        poster = Poster(connection, book_id=page.book_id, source_id=page.source_id)
        with pytest.raises(psycopg.errors.RaiseException, match="not zero for each unit"):
            poster.post(("none", []), ("group", [(page.id("anna"), -1), (page.id("ben"), 2)]))


def test_it_posts_no_entry_on_an_account_of_another_book(database_url: str) -> None:
    page, elsewhere = Page.open_new("anna EUR"), Page.open_new("ben EUR")

    with psycopg.connect(database_url, autocommit=True) as connection:
        poster = Poster(connection, book_id=page.book_id, source_id=page.source_id)
        with pytest.raises(psycopg.errors.RaiseException, match="not in book"):
            poster.post(("stray", [(page.id("anna"), -1), (elsewhere.id("ben"), 1)]))

    elsewhere.shows("ben 0.00")


def test_it_posts_no_entry_of_zero(database_url: str) -> None:
    page = Page.open_new("anna EUR")

    with psycopg.connect(database_url, autocommit=True) as connection:
        poster = Poster(connection, book_id=page.book_id, source_id=page.source_id)
        with pytest.raises(psycopg.errors.CheckViolation):
            poster.post(("nothing", [(page.id("anna"), 0)]))

    assert page.count("ledger_operation") == 0
