"""Reversal: all entries of an operation, opposite, once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection

from ledger import queries
from tests.ledger.page import Page
from tests.ledger.poster import Poster
from tests.ledger.slow_motion import Background, wait_until, waits


def test_it_takes_back_every_entry() -> None:
    page = Page.open_new("anna EUR", "ben EUR", "carl EUR")
    page.write(("split", "anna -3.00, ben 1.00, carl 1.50, ben 0.50", "accepted"))

    page.write(("undo", "reverse split", "accepted"))

    page.shows("anna 0.00, ben 0.00, carl 0.00")
    undo = page.operation_id("undo")
    entries = queries.entries_of(book_id=page.book_id, operation_ids=[undo])[undo]
    told = [(entry.account.code, entry.amount_minor) for entry in entries]
    assert told == [("anna", 300), ("ben", -100), ("carl", -150), ("ben", -50)]
    assert queries.reversal_of(book_id=page.book_id, operation_id=page.operation_id("split")) == undo
    assert queries.operations_by_id(book_id=page.book_id, ids=[undo])[undo].reverses == page.operation_id("split")


def test_it_happens_once() -> None:
    page = Page.open_new("anna EUR")
    page.write(("gift", "anna 1.00", "accepted"))

    page.write(
        ("undo", "reverse gift", "accepted"),
        ("undo", "reverse gift", "accepted again"),
        ("undo otherwise", "reverse gift", "already_reversed"),
        ("undo otherwise", "reverse gift", "already_reversed again"),
    )

    page.shows("anna 0.00")


def test_it_happens_once_for_all_sources() -> None:
    page = Page.open_new("anna EUR")
    other = page.another_source()
    page.write(("gift", "anna 1.00", "accepted"))
    gift = page.message("undo", "reverse gift")
    page.accept([gift])

    from_other = other.message("theirs", "anna 1.00")
    assert other.accept([from_other]) == ["accepted"]
    theirs = other.reversal_of_id("undo", page.operation_id("gift"))
    assert other.accept([theirs]) == ["already_reversed"]

    page.shows("anna 1.00")


def test_it_happens_once_under_twenty_attempts_at_the_same_time() -> None:
    page = Page.open_new("anna EUR")
    start = threading.Barrier(20)

    def attempt(number: int) -> list[str]:
        try:
            told = []
            for round_number in range(10):
                start.wait(20)
                if number == 0:
                    page.write((f"gift {round_number}", "anna 1.00", "accepted"))
                start.wait(20)
                told += page.accept([page.message(f"undo {round_number} {number}", f"reverse gift {round_number}")])
            return told
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as threads:
        told = list(threads.map(attempt, range(20)))

    for attempts in zip(*told, strict=True):
        assert sorted(attempts) == ["accepted"] + ["already_reversed"] * 19
    page.shows("anna 0.00")


@pytest.mark.parametrize(("end", "outcome"), [("commit", "already_reversed"), ("rollback", "accepted")])
def test_it_waits_for_another_reversal_under_way_and_then_knows(end: str, outcome: str, database_url: str) -> None:
    page = Page.open_new("anna EUR")
    page.write(("gift", "anna 1.00", "accepted"))

    with psycopg.connect(database_url) as slow:
        poster = Poster(slow, book_id=page.book_id, source_id=page.source_id)
        assert poster.post(("slow", [(page.id("anna"), -100)]), reverses=page.operation_id("gift")) == ["accepted"]
        other = Background(lambda: page.accept([page.message("other", "reverse gift")]))
        wait_until(lambda: waits(page, "advisory") or not other.running)
        getattr(slow, end)()

    assert other.wait() == [outcome]
    page.shows("anna 0.00")


def test_it_happens_once_when_one_batch_asks_for_it_twice() -> None:
    page = Page.open_new("anna EUR", "ben EUR")
    page.write(("gift", "anna 1.00", "accepted"), ("other", "ben 1.00", "accepted"))

    page.write_batch(
        ("undo", "reverse gift", "accepted"),
        ("undo other", "reverse other", "accepted"),
        ("undo twice", "reverse gift", "already_reversed"),
        ("undo", "reverse gift", "accepted again"),
    )

    page.shows("anna 0.00, ben 0.00")


def test_it_can_be_tried_again_after_it_was_refused() -> None:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    page.write(("salary", "bank -10.00, anna 10.00", "accepted"), ("spend", "anna -4.00, bank 4.00", "accepted"))

    page.write(
        ("undo", "reverse salary", "below_floor"),  # floors apply to reversals too
        ("repay", "bank -4.00, anna 4.00", "accepted"),
        ("undo", "reverse salary", "below_floor again"),
        ("undo again", "reverse salary", "accepted"),
    )

    page.shows("anna 0.00, bank 0.00")


def test_it_is_not_reversible_itself() -> None:
    page = Page.open_new("anna EUR")
    page.write(("gift", "anna 1.00", "accepted"), ("undo", "reverse gift", "accepted"))

    page.write(
        ("redo", "reverse undo", "not_reversible"),
        ("redo", "reverse undo", "not_reversible again"),
    )

    page.shows("anna 0.00")


def test_it_does_not_reverse_what_was_refused() -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.write(("bike", "anna -1.00", "below_floor"), ("ghost", "nobody 1.00", "account_unknown"))

    page.write(("undo", "reverse bike", "not_reversible"), ("undo ghost", "reverse ghost", "not_reversible"))

    page.shows("anna 0.00")


@pytest.mark.parametrize(("status", "refusal"), [("frozen", "account_frozen"), ("closed", "account_closed")])
def test_it_needs_open_accounts(status: str, refusal: str) -> None:
    page = Page.open_new("anna EUR", "bank EUR")
    page.write(("gift", "bank -1.00, anna 1.00", "accepted"), ("back", "anna -1.00, bank 1.00", "accepted"))
    page.change("anna", status=status)

    page.write(("undo", "reverse gift", refusal))

    page.shows("anna 0.00, bank 0.00")


def test_it_is_dated_now_unless_told_otherwise() -> None:
    page = Page.open_new("anna EUR")
    past = {"effective_at": "2020-01-01T00:00:00Z"}
    page.write(("old gift", "anna 1.00", "accepted", past), ("other gift", "anna 2.00", "accepted", past))

    page.write(
        ("undo now", "reverse old gift", "accepted"),
        ("undo then", "reverse other gift", "accepted", {"effective_at": "2020-06-01T00:00:00Z"}),
    )

    stored = dict(page.query("SELECT key, effective_at FROM ledger_operation WHERE book_id = %s", page.book_id))
    assert stored["undo now"] == page.recorded_at("undo now")
    assert stored["undo then"] == datetime(2020, 6, 1, tzinfo=UTC)


def test_it_does_not_find_operations_of_another_book() -> None:
    page, elsewhere = Page.open_new("anna EUR"), Page.open_new("anna EUR")
    elsewhere.write(("gift", "anna 1.00", "accepted"))

    with pytest.raises(queries.OperationUnknown):
        page.accept([page.reversal_of_id("undo", elsewhere.operation_id("gift"))])

    elsewhere.shows("anna 1.00")
