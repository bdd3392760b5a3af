"""Group commit: what waits at the same time is posted in one call, and nobody's message depends on another's."""

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connections

from ledger import pipeline
from ledger.contracts import ACCEPTED, Message, Receipt
from ledger.limits import DIRECT_POSTINGS_MAX, MERGED_OPERATIONS_MAX
from ledger.merging import Merger
from tests.ledger.page import Page

CALLERS = 24


class Door:
    """The one door with a gate: calls wait until it is opened, and their sizes are noted."""

    def __init__(self, accept: Callable[..., list[Receipt]] = pipeline.accept) -> None:
        self.accept = accept
        self.opened = threading.Event()
        self.sizes: list[int] = []

    def __call__(self, *, book_id: int, messages: Sequence[Message]) -> list[Receipt]:
        self.sizes.append(len(messages))
        self.opened.wait(10)
        return self.accept(book_id=book_id, messages=messages)


def call_together(merger: Merger, page: Page, messages: Sequence[Message], door: Door) -> list[Receipt]:
    """Each message from a thread of its own, all waiting before the door opens."""

    def call(message: Message) -> Receipt:
        try:
            return merger.accept_one(book_id=page.book_id, message=message)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(messages)) as pool:
        calls = [pool.submit(call, message) for message in messages]
        while len(door.sizes) + len(merger._waiting) < min(len(messages), DIRECT_POSTINGS_MAX + 1):
            threading.Event().wait(0.01)
        threading.Event().wait(0.2)  # the rest take their places in the queue
        door.opened.set()
        return [call.result(30) for call in calls]


@pytest.fixture
def page() -> Page:
    return Page.open_new("anna EUR floor 0.00", "bank EUR")


def test_it_posts_what_waits_in_few_calls_and_gives_each_caller_its_own_receipt(page: Page) -> None:
    door = Door()
    messages = [page.message(f"pay {number}", "bank 1.00") for number in range(CALLERS)]

    receipts = call_together(Merger(door), page, messages, door)

    assert [receipt.outcome for receipt in receipts] == [ACCEPTED] * CALLERS
    assert [receipt.operation_id for receipt in receipts] == [page.operation_id(message.key) for message in messages]
    assert len(door.sizes) < CALLERS
    assert max(door.sizes) > 1
    page.shows(f"bank {CALLERS}.00")


def test_it_posts_directly_below_the_threshold(page: Page) -> None:
    door = Door()
    door.opened.set()
    merger = Merger(door)

    for number in range(3):
        merger.accept_one(book_id=page.book_id, message=page.message(f"pay {number}", "bank 1.00"))

    assert door.sizes == [1, 1, 1]


def test_it_never_lets_a_bad_message_fail_another(page: Page) -> None:
    door = Door()
    texts = ["bank 1.00", "anna -1.00", "nobody 1.00", "bank 1.00, anna 1.00"] * 5
    messages = [page.message(f"mixed {number}", text) for number, text in enumerate(texts)]

    receipts = call_together(Merger(door), page, messages, door)

    assert [r.outcome for r in receipts] == [ACCEPTED, "below_floor", "account_unknown", "unbalanced"] * 5
    page.shows("bank 5.00, anna 0.00")


@pytest.mark.parametrize("took_effect", [False, True], ids=["before the commit", "after the commit"])
def test_it_retries_one_by_one_after_a_failed_merge_without_doing_anything_twice(page: Page, took_effect: bool) -> None:
    """A connection that breaks while committing: whether the merged call took effect, only the keys know."""

    def accept(*, book_id: int, messages: Sequence[Message]) -> list[Receipt]:
        if len(messages) > 1:
            if took_effect:
                pipeline.accept(book_id=book_id, messages=messages)
            raise OperationalError("the connection broke")
        return pipeline.accept(book_id=book_id, messages=messages)

    door = Door(accept)
    messages = [page.message(f"pay {number}", "bank 1.00") for number in range(CALLERS)]

    receipts = call_together(Merger(door), page, messages, door)

    assert [receipt.outcome for receipt in receipts] == [ACCEPTED] * CALLERS
    assert page.count("ledger_operation") == CALLERS
    page.shows(f"bank {CALLERS}.00")


def test_it_lets_nobody_wait_for_ever_after_a_defect(page: Page) -> None:
    def accept(*, book_id: int, messages: Sequence[Message]) -> list[Receipt]:
        if len(messages) > 1:
            raise ZeroDivisionError
        return pipeline.accept(book_id=book_id, messages=messages)

    door = Door(accept)
    merger = Merger(door)
    failed = 0
    messages = [page.message(f"pay {number}", "bank 1.00") for number in range(CALLERS)]

    try:
        call_together(merger, page, messages, door)
    except ZeroDivisionError:
        failed += 1  # the one that led meets the defect, and its client may ask again

    assert failed <= 1
    assert page.count("ledger_operation") >= CALLERS - MERGED_OPERATIONS_MAX
    assert not merger._waiting
    assert merger.accept_one(book_id=page.book_id, message=messages[0]).outcome == ACCEPTED


def test_it_answers_the_others_when_a_caller_has_gone_away(page: Page) -> None:
    """A client that hangs up leaves its thread; its message is posted, and its key tells it so when it asks again."""
    door = Door()
    merger = Merger(door)
    messages = [page.message(f"pay {uuid.uuid4()}", "bank 1.00") for _ in range(CALLERS)]

    call_together(merger, page, messages, door)
    again = merger.accept_one(book_id=page.book_id, message=messages[0])

    assert (again.outcome, again.replayed) == (ACCEPTED, True)


def test_it_keeps_books_apart(page: Page) -> None:
    other = Page.open_new("bank EUR")
    door = Door()
    merger = Merger(door)

    def call(target: Page, number: int) -> str:
        try:
            return merger.accept_one(
                book_id=target.book_id, message=target.message(f"pay {number}", "bank 1.00")
            ).outcome
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(call, (page, other)[number % 2], number) for number in range(CALLERS)]
        threading.Event().wait(0.3)
        door.opened.set()
        assert {call.result(30) for call in calls} == {ACCEPTED}

    page.shows(f"bank {CALLERS // 2}.00")
    other.shows(f"bank {CALLERS // 2}.00")


def test_it_hands_the_lead_to_whoever_came_meanwhile_before_it_wakes_those_it_posted(page: Page) -> None:
    """Two waves: the second takes its places while the first is being posted, and is one call of its own."""
    door = Door()
    merger = Merger(door)
    first_wave = [page.message(f"first {number}", "bank 1.00") for number in range(DIRECT_POSTINGS_MAX + 1)]
    second_wave = [page.message(f"second {number}", "bank 1.00") for number in range(CALLERS)]

    def call(message: Message) -> str:
        try:
            return merger.accept_one(book_id=page.book_id, message=message).outcome
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(first_wave) + len(second_wave)) as pool:
        calls = [pool.submit(call, message) for message in first_wave]
        while len(door.sizes) < len(first_wave):
            threading.Event().wait(0.01)
        calls += [pool.submit(call, message) for message in second_wave]
        while len(merger._waiting) < len(second_wave):
            threading.Event().wait(0.01)
        door.opened.set()
        outcomes = [waiting.result(30) for waiting in calls]

    assert outcomes == [ACCEPTED] * len(calls)
    assert door.sizes == [1] * len(first_wave) + [CALLERS]
    assert not merger._is_led, "nobody leads an empty queue"
