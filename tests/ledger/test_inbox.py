"""Messages for later: stored now, posted by class, exactly once."""

import pytest
from django.db import OperationalError

from ledger import inbox, pipeline
from ledger.contracts import Priority
from ledger.inbox import Stored
from tests.ledger.page import Page


@pytest.fixture
def page() -> Page:
    return Page.open_new("anna EUR floor 0.00", "bank EUR")


def put(page: Page, *rows: tuple[str, str], priority: Priority = Priority.NORMAL) -> list[str]:
    messages = [page.message(key, entries) for key, entries in rows]
    return [stored.state for stored in inbox.put(book_id=page.book_id, messages=messages, priority=priority)]


def state(page: Page, key: str) -> Stored | None:
    return inbox.state_of(book_id=page.book_id, source_id=page.source_id, key=key)


def test_it_posts_what_was_stored_and_leaves_nothing_behind(page: Page) -> None:
    assert put(page, ("funds", "bank -5.00, anna 5.00"), ("spend", "anna -6.00")) == ["waiting", "waiting"]
    page.shows("anna 0.00, bank 0.00")

    inbox.drain()

    assert state(page, "funds") == Stored("accepted", page.operation_id("funds"))
    assert state(page, "spend") == Stored("below_floor", page.operation_id("spend"))
    assert page.count("ledger_inbox") == 0
    page.shows("anna 5.00, bank -5.00")


def test_it_stores_a_key_once_however_often_it_is_sent(page: Page) -> None:
    assert put(page, ("funds", "bank 1.00"), ("funds", "bank 1.00"), ("funds", "bank 2.00")) == [
        "waiting",
        "waiting",
        "key_reused",
    ]
    inbox.drain()

    assert put(page, ("funds", "bank 1.00"), ("funds", "bank 2.00")) == ["accepted", "key_reused"]
    page.shows("bank 1.00")


def test_it_is_the_same_namespace_of_keys_as_posting_at_once(page: Page) -> None:
    put(page, ("funds", "bank 1.00"))
    page.write(("funds", "bank 1.00", "accepted"))

    inbox.drain()

    assert page.count("ledger_operation") == 1
    assert page.count("ledger_inbox") == 0
    page.shows("bank 1.00")


def test_it_keeps_everything_that_the_message_said(page: Page) -> None:
    more = {"effective_at": "2024-02-29T00:00:00Z", "description": "leap day", "metadata": {"ö": "1"}}
    inbox.put(book_id=page.book_id, messages=[page.message("dated", "bank 1.00", more)], priority=Priority.BULK)

    inbox.drain()

    page.write(("dated", "bank 1.00", "accepted again", more))


def test_it_reverses_later_too_and_only_once(page: Page) -> None:
    page.write(("funds", "bank 1.00", "accepted"))
    put(page, ("back", "reverse funds"), ("back again", "reverse funds"))

    inbox.drain()

    assert [state(page, key).state for key in ("back", "back again")] == ["accepted", "already_reversed"]  # type: ignore[union-attr]
    page.shows("bank 0.00")


def test_it_takes_by_class_but_leaves_none_without_its_share(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox.drain()
    for priority in (Priority.BULK, Priority.NORMAL, Priority.CRITICAL):
        put(page, *((f"{priority} {number}", "bank 1.00") for number in range(30)), priority=priority)
    monkeypatch.setattr(inbox, "INBOX_TAKE_ROWS", 20)

    taken = [message.key.split()[0] for message in inbox._take()[page.book_id]]

    assert {name: taken.count(name) for name in ("critical", "normal", "bulk")} == {
        "critical": 14,
        "normal": 4,
        "bulk": 2,
    }
    assert taken == sorted(taken, key=["critical", "normal", "bulk"].index)
    assert [m.key.split()[0] for m in inbox._take()[page.book_id]].count("critical") == 14


def test_it_gives_a_taken_message_to_nobody_else_while_the_lease_lasts(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.drain()
    put(page, ("funds", "bank 1.00"))

    first = inbox._take()[page.book_id]
    second = inbox._take()[page.book_id]

    assert [message.key for message in first] == ["funds"]
    assert second == []

    # Control: a lease that has run out lets the next worker take it, and both may post it without harm.
    put(page, ("late", "bank 1.00"))
    monkeypatch.setattr(inbox, "INBOX_LEASE_SECONDS", -1)
    taken_twice = [inbox._take()[page.book_id], inbox._take()[page.book_id]]
    for messages in taken_twice:
        pipeline.accept(book_id=page.book_id, messages=messages)
    assert [[message.key for message in messages] for messages in taken_twice] == [["late"], ["late"]]
    pipeline.accept(book_id=page.book_id, messages=first)
    page.shows("bank 2.00")


def test_it_lets_one_message_that_fails_hold_up_no_other(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox.drain()
    put(page, ("good", "bank 1.00"), ("poison", "bank 2.00"), ("also good", "bank 4.00"))
    accept = pipeline.accept

    def failing(*, book_id, messages):  # type: ignore[no-untyped-def]
        if any(message.key == "poison" for message in messages):
            raise OperationalError("this one does not pass")
        return accept(book_id=book_id, messages=messages)

    monkeypatch.setattr(pipeline, "accept", failing)
    inbox.drain()

    page.shows("bank 5.00")
    assert state(page, "poison") == Stored("waiting", None)
