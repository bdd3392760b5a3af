"""Batches in mode "all": every operation or none."""

from tests.ledger.page import Page


def test_it_posts_all_when_all_can_be_posted() -> None:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")

    page.write_batch(
        ("salary", "bank -10.00, anna 10.00", "accepted"),
        ("rent", "anna -10.00, bank 10.00", "accepted"),
        all_or_nothing=True,
    )

    page.shows("anna 0.00, bank 0.00")
    assert page.count("ledger_entry") == 4


def test_it_posts_nothing_when_one_is_refused_and_tells_which() -> None:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")

    page.write_batch(
        ("salary", "bank -10.00, anna 10.00", "batch_refused"),
        ("ghost", "nobody 1.00", "account_unknown"),
        ("rent", "anna -99.00, bank 99.00", "below_floor"),
        ("tip", "bank 1.00", "batch_refused"),
        all_or_nothing=True,
    )

    page.shows("anna 0.00, bank 0.00")
    assert (page.count("ledger_operation"), page.count("ledger_entry")) == (4, 0)


def test_it_remembers_a_refused_batch() -> None:
    page = Page.open_new("anna EUR floor 0.00")
    rows = [("salary", "anna 10.00", "batch_refused"), ("bike", "anna -99.00", "below_floor")]
    page.write_batch(*rows, all_or_nothing=True)
    page.write(("funds", "anna 1000.00", "accepted"))

    again = [(key, entries, f"{outcome} again") for key, entries, outcome in rows]
    page.write_batch(*again, all_or_nothing=True)
    page.write(*again)

    page.shows("anna 1000.00")


def test_it_replays_an_accepted_batch() -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.write_batch(("salary", "anna 10.00", "accepted"), ("bike", "anna -9.00", "accepted"), all_or_nothing=True)

    page.write_batch(
        ("salary", "anna 10.00", "accepted again"), ("bike", "anna -9.00", "accepted again"), all_or_nothing=True
    )

    page.shows("anna 1.00")


def test_it_fails_with_a_member_that_was_refused_before() -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.write(("bike", "anna -9.00", "below_floor"))

    page.write_batch(
        ("salary", "anna 10.00", "batch_refused"),
        ("bike", "anna -9.00", "below_floor again"),
        all_or_nothing=True,
    )

    page.shows("anna 0.00")


def test_it_fails_with_a_member_whose_key_was_used_for_another_request() -> None:
    page = Page.open_new("anna EUR")
    page.write(("gift", "anna 1.00", "accepted"))

    page.write_batch(
        ("salary", "anna 10.00", "batch_refused"), ("gift", "anna 2.00", "key_reused"), all_or_nothing=True
    )

    page.shows("anna 1.00")


def test_it_goes_on_with_members_that_were_accepted_before() -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.write(("salary", "anna 10.00", "accepted"))

    page.write_batch(
        ("salary", "anna 10.00", "accepted again"), ("bike", "anna -10.00", "accepted"), all_or_nothing=True
    )

    page.shows("anna 0.00")


def test_it_handles_the_same_key_twice() -> None:
    page = Page.open_new("anna EUR floor 0.00")

    page.write_batch(
        ("salary", "anna 10.00", "accepted"), ("salary", "anna 10.00", "accepted again"), all_or_nothing=True
    )
    page.write_batch(
        ("bonus", "anna 10.00", "batch_refused"),
        ("bonus", "anna 10.00", "batch_refused again"),
        ("bike", "anna -99.00", "below_floor"),
        ("bike", "anna -99.00", "below_floor again"),
        all_or_nothing=True,
    )
    page.write_batch(("tip", "anna 1.00", "batch_refused"), ("tip", "anna 2.00", "key_reused"), all_or_nothing=True)

    page.shows("anna 10.00")


def test_it_judges_floors_in_the_order_of_the_batch() -> None:
    page = Page.open_new("anna EUR floor 0.00")

    page.write_batch(
        ("bike", "anna -5.00", "below_floor"), ("salary", "anna 10.00", "batch_refused"), all_or_nothing=True
    )
    page.write_batch(("pay", "anna 10.00", "accepted"), ("toy", "anna -5.00", "accepted"), all_or_nothing=True)

    page.shows("anna 5.00")


def test_it_keeps_a_reversal_possible_when_its_batch_was_refused() -> None:
    page = Page.open_new("anna EUR floor 0.00", "ben EUR")
    page.write(("gift", "ben 1.00", "accepted"))

    page.write_batch(
        ("undo", "reverse gift", "batch_refused"), ("bike", "anna -1.00", "below_floor"), all_or_nothing=True
    )
    page.write(("undo again", "reverse gift", "accepted"))

    page.shows("ben 0.00")
