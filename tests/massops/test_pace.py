"""The pace of posting: large batches alone, small ones and rests beside others; told by ids, measured by a clock of the test."""

from collections.abc import Callable

import pytest

from massops import pace, posting
from massops.limits import POST_ROWS, POST_ROWS_BESIDE_OTHERS
from massops.pace import QUIET_BATCHES, START, Pace, next_pace
from tests.massops.desk import Desk


def after(
    quiet: int, *, priority: str = "bulk", others: int = 0, is_waiting: bool = False, seconds: float = 0.5
) -> Pace:
    """The pace after a batch of 250 rows that took so long, beside so many operations of others."""
    going = Pace(POST_ROWS_BESIDE_OTHERS, 0.0, quiet)
    return next_pace(going, priority=priority, drawn=250 + others, own=250, is_waiting=is_waiting, seconds=seconds)


@pytest.mark.parametrize(
    ("going", "told"),
    [
        (after(0), Pace(POST_ROWS_BESIDE_OTHERS, 0.5, 1)),
        (after(0, seconds=0.125), Pace(POST_ROWS_BESIDE_OTHERS, 0.125, 1)),
        (after(QUIET_BATCHES - 1), Pace(POST_ROWS, 0.0, QUIET_BATCHES)),
        (after(QUIET_BATCHES + 5, others=1), Pace(POST_ROWS_BESIDE_OTHERS, 0.5, 0)),
        (after(QUIET_BATCHES + 5, is_waiting=True), Pace(POST_ROWS_BESIDE_OTHERS, 0.5, 0)),
        (after(0, priority="normal", others=9), Pace(POST_ROWS_BESIDE_OTHERS, 0.25, 0)),
        (after(0, priority="critical", others=9), Pace(POST_ROWS, 0.0, 0)),
    ],
)
def test_it_gives_way_to_others_by_its_class(going: Pace, told: Pace) -> None:
    assert going == told


def test_it_begins_as_if_others_had_just_gone() -> None:
    going, batches = START, 0
    while going.rows == POST_ROWS_BESIDE_OTHERS:
        going = next_pace(going, priority="bulk", drawn=250, own=250, is_waiting=False, seconds=0.01)
        batches += 1

    assert (batches, going.rest_seconds) == (2, 0.0)


class Clock:
    """A clock that only the ledger and rests move; it keeps how long each rest was."""

    def __init__(self, batch_seconds: float) -> None:
        self.now, self.rests, self.batch_seconds = 0.0, [], batch_seconds

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Every batch takes two seconds."""
    clock = Clock(2.0)
    accept = posting.pipeline.accept

    def take(**batch: object) -> object:
        clock.now += clock.batch_seconds
        return accept(**batch)

    monkeypatch.setattr(posting, "time", clock)
    monkeypatch.setattr(posting.pipeline, "accept", take)
    monkeypatch.setattr(pace, "POST_ROWS_BESIDE_OTHERS", 10)
    monkeypatch.setattr(pace, "POST_ROWS", 20)
    monkeypatch.setattr(pace, "START", Pace(10, 0.0, QUIET_BATCHES - 2))
    monkeypatch.setattr(posting, "SLICE_SECONDS", 1_000.0)
    return clock


def activity(monkeypatch: pytest.MonkeyPatch, others: Callable[[int], int], *, is_waiting: bool = False) -> None:
    """Let the ledger tell of operations: those of the mass operation, and `others` of each look at it."""
    looks, drawn, real = 0, 0, posting.pipeline.accept

    def accept(**batch: object) -> object:
        nonlocal drawn
        drawn += len(batch["messages"])  # type: ignore[arg-type]
        return real(**batch)

    def look() -> tuple[int, bool]:
        nonlocal looks, drawn
        looks += 1
        drawn += others(looks)
        return drawn, is_waiting

    monkeypatch.setattr(posting.pipeline, "accept", accept)
    monkeypatch.setattr(posting.queries, "activity", look)


def posted(desk: Desk, priority: str = "bulk") -> int:
    rows = "".join(f"k{number},anna,0.01\n" for number in range(60))
    done = desk.post(desk.upload("key,account,amount\n" + rows), priority=priority)
    assert (done.state, done.rows_posted) == ("done", 60)
    return done.rows_posted


def test_alone_it_takes_large_batches_without_rest(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    activity(monkeypatch, lambda _look: 0)

    posted(desk)

    assert clock.rests == [2.0]  # after the first small batch it does not know yet; 10, 10, 20, 20 rows
    assert clock.now == 4 * 2.0 + 2.0


def test_beside_others_it_rests_as_long_as_each_batch_took(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    activity(monkeypatch, lambda _look: 1)

    posted(desk)

    assert clock.rests == [2.0] * 5


def test_a_message_that_waits_counts_as_others(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    activity(monkeypatch, lambda _look: 0, is_waiting=True)

    posted(desk, "normal")

    assert clock.rests == [1.0] * 5


def test_the_critical_class_gives_way_to_nobody(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    activity(monkeypatch, lambda _look: 99, is_waiting=True)

    posted(desk, "critical")

    assert clock.rests == []


def test_a_request_of_somebody_else_makes_it_rest_from_the_next_batch_on(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    activity(monkeypatch, lambda look: 1 if look == 3 else 0)  # looks: at the beginning, then after each batch

    posted(desk)

    assert clock.rests == [2.0] * 5  # alone it would have rested once
