"""Posting: rows in, outcomes and balances out. The first test is the tour: read it before any other."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from accounts.models import Unit
from ledger import queries
from ledger.contracts import Kind
from ledger.messages import Malformed
from tests.ledger.page import Page
from tests.ledger.poster import Poster


def test_it_tells_what_became_of_each_operation_and_keeps_every_balance_the_sum_of_its_entries() -> None:
    # A page is a book of its own, so no test sees another's rows. Anna must not go below zero; the bank may.
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")

    # Each row: a key that names the request for ever, its entries, and what became of it.
    page.write(
        ("salary", "bank -100.00, anna 100.00", "accepted"),
        ("rent", "anna -70.00, bank 70.00", "accepted"),
        ("bike", "anna -70.00, bank 70.00", "below_floor"),  # a refusal is an outcome, recorded like any other
        ("rent", "anna -70.00, bank 70.00", "accepted again"),  # the same request: the same receipt, no new effect
        ("rent", "anna -7.00, bank 7.00", "key_reused"),  # another request under a used key: no effect, not recorded
    )

    # Balances to the last minor unit: as the sum of entries, and as the product answers, from the ledger and the grid.
    page.shows("anna 30.00, bank -30.00")


def test_it_posts_single_increments_and_decrements() -> None:
    page = Page.open_new("anna EUR")

    page.write(
        ("gift", "anna 12.34", "accepted"),
        ("fee", "anna -0.35", "accepted"),
        ("loan", "anna -100", "accepted"),
    )

    page.shows("anna -88.01")


def test_it_records_a_refusal_without_entries() -> None:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")

    page.write(("bike", "anna -1.00, bank 1.00", "below_floor"))

    operation, entries = queries.operation_with_entries(book_id=page.book_id, operation_id=page.operation_id("bike"))
    assert (operation.outcome, operation.entry_first, operation.entry_last, entries) == ("below_floor", None, None, [])
    assert page.count("ledger_entry") == 0


def test_it_stores_the_message_exactly_as_received_with_its_operation() -> None:
    page = Page.open_new("anna EUR")
    body = b'{"entries": [ {"amount":"1.50", "account":"anna"} ], "metadata": {"order": "\\u00e9 42"}}'

    assert page.accept([page.message_of_body("gift", body)]) == ["accepted"]

    operation, entries = queries.operation_with_entries(book_id=page.book_id, operation_id=page.operation_id("gift"))
    assert bytes(operation.message) == body
    assert (operation.kind, operation.source_id, operation.key) == (Kind.OPERATION, page.source_id, "gift")
    assert operation.metadata == {"order": "é 42"}
    assert operation.received_at <= operation.recorded_at == operation.effective_at
    assert [(entry.account.code, entry.amount_minor) for entry in entries] == [("anna", 150)]
    assert (operation.entry_first, operation.entry_last) == (entries[0].id, entries[0].id)


def test_it_keeps_the_order_of_entries() -> None:
    page = Page.open_new("anna EUR", "ben EUR", "carl EUR")

    page.write(("split", "carl 1, anna -3, ben 1, carl 1", "accepted"))

    entries = queries.entries_of(book_id=page.book_id, operation_ids=[page.operation_id("split")])
    told = [(entry.account.code, entry.amount_minor) for entry in entries[page.operation_id("split")]]
    assert told == [("carl", 100), ("anna", -300), ("ben", 100), ("carl", 100)]


def test_it_refuses_accounts_that_are_not_in_the_book() -> None:
    elsewhere = Page.open_new("ben EUR")
    page = Page.open_new("anna EUR")

    page.write(
        ("nobody", "anna -1.00, nobody 1.00", "account_unknown"),
        ("elsewhere", "anna -1.00, ben 1.00", "account_unknown"),
        ("case", "Anna 1.00", "account_unknown"),
    )

    page.shows("anna 0.00")
    elsewhere.shows("ben 0.00")


def test_it_remembers_that_an_account_was_unknown_even_after_it_was_opened() -> None:
    page = Page.open_new("anna EUR")

    page.write(("early", "ben 1.00", "account_unknown"))
    page.open("ben EUR")

    page.write(("early", "ben 1.00", "account_unknown again"), ("late", "ben 1.00", "accepted"))


def test_it_refuses_a_stated_unit_that_is_not_the_accounts() -> None:
    page = Page.open_new("anna EUR")

    page.write(
        ("right", "anna 1.00 EUR", "accepted"),
        ("wrong", "anna 1.00 USD", "unit_mismatch"),
        ("no unit at all", "anna 1.00 XYZ", "unit_mismatch"),
    )

    page.shows("anna 1.00")


@pytest.mark.parametrize(
    ("status", "refusal"), [("frozen", "account_frozen"), ("closing", "account_closed"), ("closed", "account_closed")]
)
def test_it_takes_neither_increments_nor_decrements_on_an_account_that_is_not_open(status: str, refusal: str) -> None:
    page = Page.open_new("anna EUR", "bank EUR")
    page.change("anna", status=status)

    page.write(
        ("increment", "anna 1.00", refusal),
        ("decrement", "anna -1.00", refusal),
        ("group", "bank -1.00, anna 1.00", refusal),
        ("without anna", "bank 5.00", "accepted"),
    )

    page.shows("anna 0.00, bank 5.00")


def test_it_takes_entries_again_after_thawing_but_remembers_the_refusal() -> None:
    page = Page.open_new("anna EUR")
    page.change("anna", status="frozen")
    page.write(("cold", "anna 1.00", "account_frozen"))

    page.change("anna", status="open")

    page.write(("warm", "anna 2.00", "accepted"), ("cold", "anna 1.00", "account_frozen again"))
    page.shows("anna 2.00")


def test_it_names_the_first_account_that_is_not_open() -> None:
    page = Page.open_new("anna EUR", "ben EUR", "carl EUR")
    page.change("ben", status="closed")
    page.change("carl", status="frozen")

    page.write(
        ("closed first", "anna -2.00, ben 1.00, carl 1.00", "account_closed"),
        ("frozen first", "carl 1.00, anna -2.00, ben 1.00", "account_frozen"),
    )


def test_it_counts_to_38_digits_and_not_further() -> None:
    page = Page.open_new("much JPY", "half JPY")
    most = "9" * 38

    page.write(
        ("most", f"much {most}", "accepted"),
        ("more", f"much {most}", "accepted"),  # a balance has no limit of digits, only an amount has
        ("less", f"half -{most}", "accepted"),
        ("odd", f"half {'5' * 38}", "accepted"),
    )
    with pytest.raises(Malformed):
        page.message("too long", f"much 1{'0' * 38}")

    page.shows(f"much {2 * int(most)}, half {int('5' * 38) - int(most)}")
    page.aggregate()
    page.forget_cached("much", "half")
    page.shows(f"much {2 * int(most)}, half {int('5' * 38) - int(most)}")


def test_it_keeps_the_scale_of_each_unit() -> None:
    Unit.objects.get_or_create(code="WEI", defaults={"exponent": 18})
    page = Page.open_new("yen JPY", "euro EUR", "dinar BHD", "gas WEI")

    page.write(
        ("yen", "yen 5", "accepted"),
        ("half a yen", "yen 0.5", "amount_scale"),
        ("yen with decimals", "yen 1.0", "amount_scale"),
        ("cent", "euro 0.01", "accepted"),
        ("short", "euro 0.1", "accepted"),
        ("tenth of a cent", "euro 0.001", "amount_scale"),
        ("zeros beyond the scale", "euro 1.000", "amount_scale"),
        ("fils", "dinar 0.001", "accepted"),
        ("wei", "gas 0.000000000000000001", "accepted"),
        ("all digits", f"gas {'9' * 20}.{'9' * 18}", "accepted"),
        ("whole part too wide", f"gas {'9' * 21}", "amount_scale"),
    )

    page.shows(f"yen 5, euro 0.11, dinar 0.001, gas 1{'0' * 20}.{'0' * 18}")


def test_it_dates_an_operation_now_unless_told_otherwise() -> None:
    page = Page.open_new("anna EUR")
    tomorrow = datetime.now(UTC) + timedelta(hours=23, minutes=59)

    page.write(
        ("now", "anna 1.00", "accepted"),
        ("past", "anna 2.00", "accepted", {"effective_at": "1789-07-14T12:00:00+02:00"}),
        ("first", "anna 4.00", "accepted", {"effective_at": "0001-01-01T00:00:00Z"}),
        ("future", "anna 8.00", "accepted", {"effective_at": tomorrow.isoformat()}),
    )

    stored = page.query("SELECT key, effective_at FROM ledger_operation WHERE book_id = %s", page.book_id)
    assert dict(stored) == {
        "now": page.recorded_at("now"),
        "past": datetime(1789, 7, 14, 10, tzinfo=UTC),
        "first": datetime(1, 1, 1, tzinfo=UTC),
        "future": tomorrow,
    }
    page.shows("anna 15.00")


def test_it_does_not_date_an_operation_more_than_a_day_ahead() -> None:
    page = Page.open_new("anna EUR")
    ahead = datetime.now(UTC) + timedelta(hours=24, minutes=1)

    with pytest.raises(Malformed) as malformed:
        page.message("too far", "anna 1.00", {"effective_at": ahead.isoformat()})

    assert [problem.code for problem in malformed.value.problems] == ["too_far_ahead"]


@pytest.mark.parametrize("isolation", list(psycopg.IsolationLevel))
def test_it_posts_only_where_each_statement_sees_what_was_committed_before_it(
    isolation: psycopg.IsolationLevel, database_url: str
) -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.write(("salary", "anna 10.00", "accepted"))
    with psycopg.connect(database_url) as other:
        other.isolation_level = isolation
        other.execute("SELECT 1")  # with a higher level, this is what the rest of the transaction sees
        page.write(("rent", "anna -10.00", "accepted"))

        try:
            poster = Poster(other, book_id=page.book_id, source_id=page.source_id)
            told = poster.post(("bike", [(page.id("anna"), -1_000)]))
        except psycopg.errors.RaiseException:
            told = ["refused to work"]

    assert told == ["below_floor" if isolation is psycopg.IsolationLevel.READ_COMMITTED else "refused to work"]
    page.shows("anna 0.00")


def test_it_posts_only_once_in_a_transaction(database_url: str) -> None:
    page = Page.open_new("anna EUR")

    with psycopg.connect(database_url) as other:
        poster = Poster(other, book_id=page.book_id, source_id=page.source_id)
        assert poster.post(("one", [(page.id("anna"), 1)])) == ["accepted"]
        with pytest.raises(psycopg.errors.RaiseException, match="alone in its transaction"):
            poster.post(("two", [(page.id("anna"), 1)]))

    page.shows("anna 0.00")


def test_it_is_parsed_once_on_a_connection() -> None:
    page = Page.open_new("anna EUR")
    prepared = "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%%ledger_post_v1(%%' ORDER BY name"

    page.write(("salary", "anna 1.00", "accepted"))
    once = page.query(prepared)
    page.write(("bonus", "anna 1.00", "accepted"))

    assert once
    assert page.query(prepared) == once
