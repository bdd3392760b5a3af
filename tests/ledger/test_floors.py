"""Floors: no decrement takes an account below its floor, and nothing else is ever held up by it."""

import psycopg
import pytest

from tests.ledger.page import Page, Row
from tests.ledger.poster import Poster


def test_it_lets_a_balance_come_down_to_the_floor_and_not_below() -> None:
    page = Page.open_new("anna EUR floor 0.00")

    page.write(
        ("salary", "anna 10.00", "accepted"),
        ("all but a cent", "anna -9.99", "accepted"),
        ("two cents", "anna -0.02", "below_floor"),
        ("one cent", "anna -0.01", "accepted"),
        ("one more", "anna -0.01", "below_floor"),
    )

    page.shows("anna 0.00")


def test_it_holds_negative_and_positive_floors() -> None:
    page = Page.open_new("credit EUR floor -100.00", "deposit EUR floor 50.00")

    page.write(
        ("draw", "credit -100.00", "accepted"),
        ("overdraw", "credit -0.01", "below_floor"),
        ("pay in", "deposit 60.00", "accepted"),
        ("take", "deposit -10.00", "accepted"),
        ("touch", "deposit -0.01", "below_floor"),
    )

    page.shows("credit -100.00, deposit 50.00")


def test_it_never_refuses_an_increment_even_below_the_floor() -> None:
    page = Page.open_new("deposit EUR floor 50.00", "anna EUR floor -9.00")

    page.write(("first", "deposit 1.00", "accepted"), ("second", "deposit 1.00", "accepted"))
    page.write_batch(
        ("take", "deposit -1.00", "below_floor"),  # so the deposit is judged exactly
        ("give", "anna -9.00, deposit 9.00", "accepted"),
        ("bonus", "deposit 1.00", "accepted"),
    )

    page.shows("deposit 12.00, anna -9.00")


def test_it_judges_the_net_of_an_operation_on_each_account() -> None:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")

    page.write(
        ("back and forth", "anna -100.00, anna 100.00", "accepted"),
        ("more in than out", "anna -100.00, anna 101.00, bank -1.00", "accepted"),
        ("more out than in", "anna -100.00, anna 98.50, bank 1.50", "below_floor"),
        ("out to the floor", "anna -100.00, anna 99.00, bank 1.00", "accepted"),
    )

    page.shows("anna 0.00, bank 0.00")


def test_it_judges_a_batch_in_its_order() -> None:
    page = Page.open_new("anna EUR floor 0.00", "ben EUR floor 0.00", "bank EUR")

    page.write_batch(
        ("too early", "anna -10.00, ben 10.00", "below_floor"),
        ("salary", "bank -10.00, anna 10.00", "accepted"),
        ("rent", "anna -7.00, ben 7.00", "accepted"),
        ("too much", "anna -4.00, ben 4.00", "below_floor"),
        ("from what came", "ben -6.00, bank 6.00", "accepted"),
        ("smaller", "anna -3.00, bank 3.00", "accepted"),
        ("ben again", "ben -2.00, bank 2.00", "below_floor"),
    )

    page.shows("anna 0.00, ben 1.00, bank -1.00")


def test_it_gives_a_refused_operations_increments_to_nobody() -> None:
    page = Page.open_new("anna EUR floor 0.00", "ben EUR floor 0.00")

    page.write_batch(
        ("not hers", "anna -10.00, ben 10.00", "below_floor"),
        ("so not his", "ben -10.00, anna 10.00", "below_floor"),
    )

    page.shows("anna 0.00, ben 0.00")


def test_it_refuses_an_operation_when_one_of_several_floors_would_break() -> None:
    page = Page.open_new("anna EUR floor 0.00", "ben EUR floor 0.00", "bank EUR")
    page.write(("anna's", "anna 10.00", "accepted"), ("ben's", "ben 1.00", "accepted"))

    page.write(
        ("both", "anna -5.00, ben -5.00, bank 10.00", "below_floor"),
        ("less", "anna -5.00, ben -1.00, bank 6.00", "accepted"),
    )

    page.shows("anna 5.00, ben 0.00, bank 6.00")


def test_it_lets_accounts_without_a_floor_go_as_low_as_they_like() -> None:
    page = Page.open_new("bank EUR", "anna EUR floor 0.00")

    page.write(("draw", "bank -99999999999.00", "accepted"), ("lend", "bank -5.00, anna 5.00", "accepted"))

    page.shows("bank -100000000004.00, anna 5.00")


def test_it_lets_a_floor_be_raised_above_the_balance_and_then_stops_decrements() -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.write(("salary", "anna 10.00", "accepted"))

    page.change("anna", floor="50.00")

    page.write(
        ("cent", "anna -0.01", "below_floor"),
        ("not enough", "anna 30.00", "accepted"),
        ("cent again", "anna -0.01", "below_floor"),
        ("enough", "anna 11.00", "accepted"),
        ("last", "anna -1.00", "accepted"),
    )
    page.shows("anna 50.00")


def test_it_follows_a_floor_that_is_set_lowered_lifted_and_set_again() -> None:
    page = Page.open_new("anna EUR")
    steps: list[tuple[str | None, list[Row]]] = [
        (None, [("a", "anna -5.00", "accepted")]),
        ("-6.00", [("b", "anna -2.00", "below_floor"), ("c", "anna -1.00", "accepted")]),
        ("-8.00", [("d", "anna -2.00", "accepted"), ("e", "anna -0.01", "below_floor")]),
        (None, [("f", "anna -92.00", "accepted")]),
        ("0.00", [("g", "anna -0.01", "below_floor"), ("h", "anna 100.00", "accepted")]),
    ]

    for floor, rows in steps:
        page.change("anna", floor=floor)
        page.write(*rows)

    page.shows("anna 0.00")


def test_it_judges_by_snapshot_and_tail_alike() -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.write_batch(*[(f"in {number}", "anna 1.00", "accepted") for number in range(100)])
    page.aggregate()
    assert page.count("ledger_snapshot") == 1
    page.write(("more", "anna 1.00", "accepted"))

    page.write(
        ("too much", "anna -101.01", "below_floor"),
        ("all", "anna -101.00", "accepted"),
        ("cent", "anna -0.01", "below_floor"),
    )

    page.shows("anna 0.00")


@pytest.mark.parametrize("limit", [None, "0.05", "1000.00"])
def test_it_decides_the_same_whatever_the_limit_of_fast_decrements(limit: str | None) -> None:
    # With 0.05 the headroom needed for the fast way is a few euro, so the rows below cross from the fast to the exact
    # way; with None every decrement is exact; with 1000.00 none is far enough from the floor to be fast.
    page = Page.open_new("anna EUR floor 0.00", "ben EUR floor 0.00")
    for account in ("anna", "ben"):
        page.change(account, fast_debit_limit=limit)

    page.write_batch(
        ("salary", "anna 100.00", "accepted"),
        ("fast", "anna -0.05, ben 0.05", "accepted"),
        ("larger than fast", "anna -50.00, ben 50.00", "accepted"),
    )
    page.write(
        ("rich", "anna -0.01, ben 0.01", "accepted"),
        ("too much", "anna -49.95", "below_floor"),
        ("nearly all", "anna -49.90", "accepted"),
        ("near, fast size", "anna -0.04", "accepted"),
        ("cent below", "anna -0.01", "below_floor"),
    )
    page.write_batch(*[(f"coffee {number}", "ben -0.05", "accepted") for number in range(1_000)])
    page.write_batch(
        ("coffee", "ben -0.05", "accepted"),
        ("espresso", "ben -0.02", "below_floor"),
        ("half", "ben -0.01", "accepted"),
    )

    page.shows("anna 0.00, ben 0.00")


def test_it_counts_a_batchs_decrements_together_against_the_fast_limit() -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.change("anna", fast_debit_limit="0.01")
    page.write(("salary", "anna 100.00", "accepted"))

    rows: list[Row] = [(f"cent {number}", "anna -0.01", "accepted") for number in range(1_000)]
    page.write_batch(*rows, ("too much", "anna -90.01", "below_floor"), ("rest", "anna -90.00", "accepted"))

    page.shows("anna 0.00")


FAST, EXACT = "ShareLock", "ExclusiveLock"


@pytest.mark.parametrize(
    ("way", "account", "limit", "headroom", "operations"),
    [
        (None, "anna EUR", None, 10, [-100]),
        (None, "anna EUR floor 0.00", None, 10, [100]),
        (EXACT, "anna EUR floor 0.00", None, 10**9, [-1]),
        (FAST, "anna EUR floor 0.00", 5, 10**9, [-5]),
        (EXACT, "anna EUR floor 0.00", 5, 10**9, [-6]),
        (FAST, "anna EUR floor 0.00", 5, 10**9, [-2, -3, 100]),
        (EXACT, "anna EUR floor 0.00", 5, 10**9, [-3, -3]),
        (EXACT, "anna EUR floor 0.00", 5, 10**9, [100, -6]),
        (FAST, "anna EUR floor 0.00", 5, "others", [-5]),
        (EXACT, "anna EUR floor 0.00", 5, "one less", [-5]),
        (EXACT, "anna EUR floor 0.00", 5, 3, [-5]),
    ],
)
def test_it_takes_the_lock_that_the_decrement_needs(
    way: str | None, account: str, limit: int | None, headroom: int | str, operations: list[int], database_url: str
) -> None:
    page = Page.open_new(account)
    if limit is not None:
        page.change("anna", fast_debit_limit=f"{limit / 100:.2f}")
    if isinstance(headroom, str):
        headroom = others(page) * 5 + 5 - (headroom == "one less")
    page.write(("funds", f"anna {headroom / 100:.2f}", "accepted"))

    assert locks_of(page, operations, database_url) == ([] if way is None else [way])


def test_it_waits_for_no_decrement_once_the_floor_is_lifted(database_url: str) -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.change("anna", fast_debit_limit="0.05")
    page.change("anna", floor=None)

    assert locks_of(page, [-1_000], database_url) == [FAST]


LOCKS_HELD = "SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


def others(page: Page) -> int:
    """How many decrements may be under way beside one's own (C - 1 of the gate)."""
    statement = "SELECT current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int - 1"
    return int(page.query(statement)[0][0])


def locks_of(page: Page, operations: list[int], url: str) -> list[str]:
    """The locks on accounts that a batch of operations on anna holds until it ends."""
    with psycopg.connect(url) as connection:
        poster = Poster(connection, book_id=page.book_id, source_id=page.source_id)
        poster.post(*((f"{place}", [(page.id("anna"), amount)]) for place, amount in enumerate(operations)))
        return [row[0] for row in connection.execute(LOCKS_HELD).fetchall()]


def test_it_locks_nothing_for_what_is_only_repeated_or_refused_anyway(database_url: str) -> None:
    page = Page.open_new("anna EUR floor 0.00", "ben EUR floor 0.00")
    page.change("ben", status="frozen")
    with psycopg.connect(database_url) as connection:
        poster = Poster(connection, book_id=page.book_id, source_id=page.source_id)
        again = ("again", [(page.id("anna"), -1)])
        assert poster.post(again) == ["below_floor"]
        connection.commit()

        told = poster.post(again, ("frozen", [(page.id("anna"), -1), (page.id("ben"), 1)]))

        assert told == ["below_floor again", "account_frozen"]
        assert connection.execute(LOCKS_HELD).fetchall() == []
