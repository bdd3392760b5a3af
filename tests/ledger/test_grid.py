"""The grid: a cached balance is the union of a base and the entries above its mark, each counted once.

Told late, twice, in any order or not at all: after the aggregator has repeated what was recorded, a cached balance is
the sum of the entries, or there is no cached balance.
"""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import psycopg
import pytest
import redis
from hypothesis import given, settings

from ledger import grid
from ledger.grid import Announced, Cached
from ledger.limits import GRID_ENTRIES_MAX
from tests.ledger.page import Page
from tests.ledger.poster import Poster


@pytest.fixture
def page() -> Page:
    page = Page.open_new("anna EUR floor -5.00", "bank EUR")
    page.aggregate()  # the repeater is at work: without it nothing may be cached
    return page


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Post with the message to the grid lost on the way: `lost(page, ("gift", "anna 1.00", "accepted"))`."""

    def write(page: Page, *rows: tuple[str, str, str]) -> None:
        with monkeypatch.context() as away:
            away.setattr(grid, "tell", lambda **_: False)
            page.write(*rows)

    return write


def read(page: Page, account: str = "anna") -> Cached | Announced | None:
    return grid.read(book_id=page.book_id, account_id=page.id(account))


def cached(page: Page, account: str = "anna") -> int | None:
    """The cached total; None where there is none."""
    found = read(page, account)
    return found.total if isinstance(found, Cached) else None


def load(page: Page, announced: object, base: int, mark: int, entries: list[tuple[int, int]]) -> None:
    assert isinstance(announced, Announced)
    grid.load(
        book_id=page.book_id,
        account_id=page.id("anna"),
        token=announced.token,
        base=base,
        mark=mark,
        floor=None,
        entries=entries,
        loaded_at="2026-01-01T00:00:00+00:00",
    )


def tell(page: Page, *entries: tuple[int, int]) -> None:
    account_id = page.id("anna")
    assert grid.tell(book_id=page.book_id, entries=[(entry_id, account_id, amount) for entry_id, amount in entries])


def test_it_counts_each_entry_once_however_often_and_in_whatever_order_it_is_told(page: Page) -> None:
    announced = read(page)
    load(page, announced, base=1_000, mark=50, entries=[(60, 1), (70, 2)])

    tell(page, (90, 4), (60, 1), (80, 8))
    tell(page, (80, 8), (70, 2), (90, 4))
    tell(page, (75, 16))

    assert read(page) == Cached(1_031, None, 90, "2026-01-01T00:00:00+00:00")


def test_it_unites_what_was_told_before_the_load_with_what_is_loaded(page: Page) -> None:
    announced = read(page)
    tell(page, (60, 1), (100, 2), (50, 4), (9, 8))

    load(page, announced, base=1_000, mark=50, entries=[(60, 1), (70, 16)])

    assert cached(page) == 1_019  # 50 and 9 lie at or below the mark: the base has them


def test_it_compares_ids_as_numbers(page: Page) -> None:
    announced = read(page)
    tell(page, (9, 1), (10, 2), (99, 4), (100, 8), (2**62, 16))

    load(page, announced, base=0, mark=99, entries=[])
    tell(page, (101, 32), (98, 64), (8, 128), (2**61, 256))

    assert read(page) == Cached(8 + 16 + 32 + 256, None, 2**62, "2026-01-01T00:00:00+00:00")


def test_it_does_not_cache_what_nobody_reads(page: Page) -> None:
    tell(page, (60, 1))

    load(page, read(page), base=1_000, mark=50, entries=[])

    assert cached(page) == 1_000


def test_it_is_loaded_once_by_whoever_holds_the_token(page: Page) -> None:
    first, second = read(page), read(page)
    assert first == second

    load(page, first, base=1, mark=50, entries=[])
    load(page, second, base=2, mark=50, entries=[])

    assert cached(page) == 1


def test_it_is_not_loaded_with_what_was_read_before_it_was_dropped(page: Page) -> None:
    old = read(page)
    page.forget_cached("anna")
    new = read(page)

    load(page, old, base=1, mark=50, entries=[])
    assert cached(page) is None

    load(page, new, base=2, mark=50, entries=[])
    assert cached(page) == 2


@pytest.mark.parametrize(
    ("base", "entries", "told", "total"),
    [
        (2**63 - 1, [], [], 2**63 - 1),
        (-(2**63) + 1, [], [], -(2**63) + 1),
        (2**63, [], [], None),
        (0, [(60, 2**63)], [], None),
        (2**63 - 1, [(60, 1)], [], None),
        (2**63 - 2, [], [(60, 1)], 2**63 - 1),
        (2**63 - 2, [], [(60, 2)], None),
        (0, [], [(60, 10**37)], None),
        (-(2**63) + 1, [], [(60, -1), (70, -1)], None),
        (2**53, [], [(60, 1)], 2**53 + 1),
    ],
)
def test_it_holds_64_bits_exactly_and_nothing_beyond(
    page: Page, base: int, entries: list[tuple[int, int]], told: list[tuple[int, int]], total: int | None
) -> None:
    load(page, read(page), base=base, mark=50, entries=entries)
    tell(page, *told)

    assert cached(page) == total


def test_it_answers_amounts_beyond_64_bits_from_the_ledger() -> None:
    page = Page.open_new("anna JPY")
    page.aggregate()

    for number in range(3):
        page.write((f"{number}", f"anna {2**63 - 1}", "accepted"))
        page.shows(f"anna {(number + 1) * (2**63 - 1)}")


def test_it_drops_a_hash_that_has_grown_too_large(page: Page) -> None:
    load(page, read(page), base=0, mark=0, entries=[])
    tell(page, *((number, 1) for number in range(1, GRID_ENTRIES_MAX - 20)))
    assert cached(page) == GRID_ENTRIES_MAX - 21

    tell(page, *((number, 1) for number in range(1, GRID_ENTRIES_MAX + 20)))

    assert cached(page) is None


def test_it_drops_a_hash_that_has_grown_too_large_before_anybody_loaded_it(page: Page) -> None:
    announced = read(page)
    tell(page, *((number, 1) for number in range(1, GRID_ENTRIES_MAX + 20)))

    load(page, announced, base=1_000, mark=0, entries=[])

    assert cached(page) is None
    load(page, read(page), base=2_000, mark=0, entries=[])
    assert cached(page) == 2_000


def test_it_tells_what_was_posted(page: Page) -> None:
    page.shows("anna 0.00")

    page.write(("gift", "anna 1.00, bank -1.00", "accepted"))
    page.write_batch(("more", "anna 2.00", "accepted"), ("less", "anna -0.50", "accepted"))

    assert cached(page) == 250
    assert page.balance("anna").source == "grid"


def test_it_tells_nothing_twice_when_a_key_is_sent_again(page: Page) -> None:
    page.shows("anna 0.00")

    page.write(("gift", "anna 1.00", "accepted"), ("gift", "anna 1.00", "accepted again"))

    assert cached(page) == 100


def test_it_gives_the_floor_with_the_balance_and_forgets_it_when_it_changes(page: Page) -> None:
    page.shows("anna 0.00")
    before = page.balance("anna")

    page.change("anna", floor="-7.50")

    assert (before.source, before.floor_minor) == ("grid", -500)
    assert [(answer.source, answer.floor_minor) for answer in (page.balance("anna"), page.balance("anna"))] == [
        ("ledger", -750),
        ("grid", -750),
    ]


def test_it_makes_good_what_was_lost_on_the_way(page: Page, lost: Callable[..., None]) -> None:
    page.shows("anna 0.00")
    lost(page, ("gift", "anna 1.00", "accepted"))
    assert cached(page) == 0

    page.aggregate()

    assert cached(page) == 100


def test_it_makes_good_what_was_lost_around_a_flush(page: Page, database_url: str) -> None:
    # A writer is under way when the grid is flushed and the balance loaded anew; then its message is lost.
    with psycopg.connect(database_url) as slow:
        Poster(slow, book_id=page.book_id, source_id=page.source_id).post(("slow", [(page.id("anna"), 100)]))
        grid.valkey.client().flushdb()
        page.balance("anna")
        slow.commit()

    page.aggregate()
    page.shows("anna 1.00")


def test_it_makes_good_what_was_lost_around_an_eviction(page: Page, lost: Callable[..., None]) -> None:
    page.shows("anna 0.00")
    lost(page, ("gift", "anna 1.00", "accepted"))
    assert grid.valkey.client().delete(grid._repeated_key(page.book_id)) == 1

    page.aggregate()

    page.shows("anna 1.00")


def test_it_caches_nothing_where_nobody_repeats_what_is_lost() -> None:
    page = Page.open_new("anna EUR")

    page.write(("gift", "anna 1.00", "accepted"))

    assert [page.balance("anna").source for _ in range(3)] == ["ledger"] * 3


@pytest.mark.parametrize(
    "error", [redis.ConnectionError("away"), redis.TimeoutError("slow"), redis.ResponseError("no")]
)
def test_it_is_answered_by_the_ledger_while_the_grid_is_away(
    page: Page, error: redis.RedisError, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.shows("anna 0.00")

    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    with monkeypatch.context() as away:
        away.setattr(grid, "GRID_PAUSE_SECONDS", 0)
        away.setattr(grid.valkey.client(), "execute_command", fail)
        page.write(("gift", "anna 1.00", "accepted"))
        answers = [page.balance("anna") for _ in range(2)]
        page.aggregate()

    assert [(answer.source, answer.minor) for answer in answers] == [("ledger", 100)] * 2
    page.aggregate()
    page.shows("anna 1.00")


def test_it_rests_after_a_failure_so_that_its_absence_costs_nothing(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def fail(name: str) -> Any:
        calls.append(name)
        raise redis.ConnectionError("away")

    monkeypatch.setattr(grid.valkey, "_script", fail)
    monkeypatch.setattr(grid, "GRID_PAUSE_SECONDS", 3600)
    monkeypatch.setattr(grid.valkey, "_resting_until", 0.0)

    for _ in range(3):
        page.balance("anna")
        page.write((f"{len(calls)} {_}", "anna 1.00", "accepted"))

    assert calls == ["read"]
    page.shows("anna 3.00")


# --- whatever happens in whatever order ----------------------------------------------------------------------------

step = st.one_of(
    st.tuples(st.just("post"), st.integers(-9, 9).filter(bool), st.sampled_from(["told", "lost", "late"])),
    st.tuples(st.sampled_from(["read", "begin to read", "load", "begin", "commit", "tell late", "tell all", "flush"])),
    st.tuples(st.sampled_from(["aggregate", "forget", "evict"])),
)


class Story:
    """A page and its grid, step by step; what was begun can be finished much later."""

    def __init__(self, database_url: str) -> None:
        self.page = Page.open_new("anna EUR")
        self.page.aggregate()
        self.url = database_url
        self.written = 0
        self.late: list[tuple[int, int, int]] = []
        self.reads: list[dict[str, Any]] = []
        self.writers: list[psycopg.Connection] = []

    def take(self, name: str, *arguments: Any) -> None:
        getattr(self, "_" + name.replace(" ", "_"))(*arguments)

    def _post(self, amount: int, message: str) -> None:
        self.written += 1
        sent: list[tuple[int, int, int]] = []
        with pytest.MonkeyPatch.context() as away:
            away.setattr(grid, "tell", lambda **told: sent.extend(told["entries"]))
            self.page.write((f"{self.written}", f"anna {amount}", "accepted"))
        if message == "told":
            grid.tell(book_id=self.page.book_id, entries=sent)
        elif message == "late":
            self.late += sent

    def _read(self) -> None:
        self.page.balance("anna")

    def _begin_to_read(self) -> None:
        with pytest.MonkeyPatch.context() as away:
            away.setattr(grid, "load", lambda **read: self.reads.append(read))
            self.page.balance("anna")

    def _load(self) -> None:
        if self.reads:
            grid.load(**self.reads.pop(0))

    def _begin(self) -> None:
        self.written += 1
        writer = psycopg.connect(self.url)
        self.writers.append(writer)
        poster = Poster(writer, book_id=self.page.book_id, source_id=self.page.source_id)
        poster.post((f"{self.written}", [(self.page.id("anna"), self.written)]))

    def _commit(self) -> None:
        if self.writers:
            with self.writers.pop(0) as writer:
                writer.commit()

    def _tell_late(self) -> None:
        if self.late:
            grid.tell(book_id=self.page.book_id, entries=[self.late.pop()])

    def _tell_all(self) -> None:
        statement = "SELECT id, account_id, amount FROM ledger_entry WHERE book_id = %s ORDER BY random()"
        rows = self.page.query(statement, self.page.book_id)
        grid.tell(book_id=self.page.book_id, entries=[(row[0], row[1], int(row[2])) for row in rows])

    def _flush(self) -> None:
        grid.valkey.client().flushdb()

    def _aggregate(self) -> None:
        if not self.writers:  # else its mark would not close
            self.page.aggregate()

    def _forget(self) -> None:
        self.page.forget_cached("anna")

    def _evict(self) -> None:
        grid.valkey.client().delete(grid._repeated_key(self.page.book_id))


@given(st.lists(step, max_size=25))
@settings(max_examples=40)
def test_it_holds_the_sum_of_the_entries_after_any_story(database_url: str, steps: list[tuple[Any, ...]]) -> None:
    story = Story(database_url)
    try:
        for taken in steps:
            story.take(*taken)
        while story.writers:
            story.take("commit")
        story.take("aggregate")

        assert cached(story.page) in {None, story.page.sum("anna")}
        while story.reads:
            story.take("load")
        assert cached(story.page) in {None, story.page.sum("anna")}
        story.page.shows(f"anna {story.page.format('anna', story.page.sum('anna'))}")
    finally:
        for writer in story.writers:
            writer.close()
