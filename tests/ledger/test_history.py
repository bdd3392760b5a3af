"""History: the entries of an account for a period, each with the balance after it, page by page."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event

import psycopg
import pytest
from django.db import connection

from ledger import balances, queries
from ledger.queries import HistoryRow, Window
from tests.ledger.page import Page
from tests.ledger.poster import Poster

TICK = timedelta(microseconds=1)


def history(
    page: Page, account: str, window: Window, since: datetime | None = None, until: datetime | None = None
) -> list[HistoryRow]:
    return queries.history(book_id=page.book_id, account_id=page.id(account), since=since, until=until, window=window)


def pages(page: Page, account: str, *, ascending: bool, rows: int) -> Iterator[list[HistoryRow]]:
    """One page after the other, as the API asks for them: oldest first ends at what is settled."""
    position: int | None = None
    while True:
        if ascending:
            window = Window(after=position or 0, before=queries.safe_ids()[1] + 1, ascending=True, rows=rows)
        else:
            window = Window(before=position or queries.ID_MAX, rows=rows)
        found = history(page, account, window)
        yield found
        if found:
            position = found[-1].entry_id


def lines(rows: list[HistoryRow]) -> list[str]:
    return [f"{row.key} {row.amount_minor} {row.balance_minor}" for row in rows]


STATEMENT = ["salary 10000 10000", "rent -7000 3000", "refund 500 3500", "refund -200 3300"]


@pytest.fixture
def anna() -> Page:
    page = Page.open_new("anna EUR", "bank EUR")
    page.write(
        ("salary", "bank -100.00, anna 100.00", "accepted"),
        ("rent", "anna -70.00, bank 70.00", "accepted"),
        ("elsewhere", "bank 1.00", "accepted"),
        ("refund", "anna 5.00, bank -3.00, anna -2.00", "accepted"),
    )
    return page


@pytest.mark.parametrize("aggregated", [False, True])
def test_it_tells_each_entry_with_the_balance_after_it(anna: Page, aggregated: bool) -> None:
    if aggregated:
        anna.aggregate()

    assert lines(history(anna, "anna", Window(ascending=True))) == STATEMENT
    assert lines(history(anna, "anna", Window())) == STATEMENT[::-1]


def test_it_tells_the_operation_and_both_times_of_an_entry(anna: Page) -> None:
    past = "2020-02-29T00:00:00+00:00"
    anna.write(("late", "anna 1.00", "accepted", {"effective_at": past}))

    row = history(anna, "anna", Window(rows=1))[0]

    assert (row.operation_id, row.recorded_at) == (anna.operation_id("late"), anna.recorded_at("late"))
    assert row.effective_at == datetime.fromisoformat(past)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(ascending=True, rows=2), STATEMENT[:2]),
        (Window(rows=2), STATEMENT[:1:-1]),
        (Window(rows=0), []),
    ],
)
def test_it_tells_no_more_rows_than_asked_for(anna: Page, window: Window, expected: list[str]) -> None:
    assert lines(history(anna, "anna", window)) == expected


def test_it_bounds_a_page_by_entry_ids_exclusively(anna: Page) -> None:
    ids = [row.entry_id for row in history(anna, "anna", Window(ascending=True))]

    assert lines(history(anna, "anna", Window(after=ids[0], before=ids[3], ascending=True))) == STATEMENT[1:3]
    assert lines(history(anna, "anna", Window(after=ids[0], before=ids[3]))) == STATEMENT[2:0:-1]


def test_it_knows_an_account_without_entries(anna: Page) -> None:
    anna.open("idle EUR")

    assert history(anna, "idle", Window()) == []


@pytest.mark.parametrize("aggregated", [False, True])
def test_it_takes_a_period_as_half_open(anna: Page, aggregated: bool) -> None:
    if aggregated:
        anna.aggregate()
    salary, rent, refund = (anna.recorded_at(key) for key in ("salary", "rent", "refund"))
    oldest = Window(ascending=True)

    assert lines(history(anna, "anna", oldest, since=salary, until=rent)) == STATEMENT[:1]
    assert lines(history(anna, "anna", oldest, since=salary + TICK, until=rent + TICK)) == STATEMENT[1:2]
    assert lines(history(anna, "anna", oldest, since=rent)) == STATEMENT[1:]
    assert lines(history(anna, "anna", oldest, until=refund)) == STATEMENT[:2]
    assert lines(history(anna, "anna", oldest, since=rent, until=rent)) == []
    assert lines(history(anna, "anna", oldest, since=refund, until=salary)) == []


@pytest.mark.parametrize("aggregated", ["never", "at the end", "now and then"])
def test_it_adds_up_over_any_period_to_the_difference_of_the_balances(aggregated: str) -> None:
    page = Page.open_new("anna EUR")
    for number in range(24):
        back = {"effective_at": "2001-01-01T00:00:00Z"} if number % 4 == 0 else {}
        page.write((f"{number}", f"anna {(-1) ** number * (number + 1)}", "accepted", back))
        if aggregated == "now and then" and number % 5 == 4:
            page.aggregate()
    if aggregated == "at the end":
        page.aggregate()
    moments = [page.recorded_at(f"{number}") + step for number in range(0, 24, 3) for step in (0 * TICK, TICK)]
    balance_at = {
        moment: balances.at(book_id=page.book_id, account_id=page.id("anna"), moment=moment).minor for moment in moments
    }

    for place, since in enumerate(moments):
        for until in moments[place:]:
            rows = history(page, "anna", Window(ascending=True), since=since, until=until)
            assert sum(row.amount_minor for row in rows) == balance_at[until] - balance_at[since]
            assert all(row.balance_minor == balance_at[until] for row in rows[-1:])


@pytest.mark.parametrize("ascending", [True, False])
def test_it_tells_the_same_in_pages_of_any_size_across_snapshots(ascending: bool) -> None:
    page = Page.open_new("anna EUR", "bank EUR")
    for number in range(6):
        page.write_batch(*((f"{number}.{row}", f"anna {row + 1}, bank -{row + 1}", "accepted") for row in range(10)))
        page.aggregate()
    assert page.count("ledger_snapshot") >= 6
    whole = history(page, "anna", Window(ascending=ascending, rows=1_000))

    for rows in (1, 7, 60):
        read = pages(page, "anna", ascending=ascending, rows=rows)
        assert [row for found in iter(lambda: next(read), []) for row in found] == whole  # noqa: B023 - used at once


@pytest.mark.parametrize("ascending", [True, False])
def test_it_neither_skips_nor_repeats_while_writers_go_on(ascending: bool) -> None:
    page = Page.open_new("anna EUR", "bank EUR")
    page.write_batch(*((f"before {row}", "anna 1, bank -1", "accepted") for row in range(50)))
    before = {row.entry_id for row in history(page, "anna", Window(rows=1_000))}
    stop = Event()

    def write(writer: int) -> int:
        written = 0
        try:
            while not stop.is_set():
                batch = [page.message(f"{writer}.{written}.{row}", "anna 1, bank -1") for row in range(3)]
                page.accept(batch)
                written += 1
        finally:
            connection.close()
        return written

    read: list[HistoryRow] = []
    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, number) for number in range(4)]
        try:
            pages_read = 0
            for found in pages(page, "anna", ascending=ascending, rows=5):
                read += found
                pages_read += bool(found)
                if pages_read >= 60 or (not ascending and not found):
                    break
        finally:
            stop.set()
    assert sum(writer.result() for writer in writers) > 0

    ids = [row.entry_id for row in read]
    everything = [row.entry_id for row in history(page, "anna", Window(ascending=ascending, rows=100_000))]
    if ascending:
        # Every entry from the first one on, each once, in order; and each balance follows from the one before.
        assert ids == everything[: len(ids)]
        assert [row.balance_minor for row in read] == [100 * place for place in range(1, len(read) + 1)]
    else:
        # Newest first tells what was there when it began, and whatever became visible below the place it has reached.
        assert ids == sorted(set(ids), reverse=True)
        assert before <= set(ids) <= set(everything)


def test_it_ends_an_ascending_page_before_an_entry_that_may_still_appear(database_url: str) -> None:
    page = Page.open_new("anna EUR")
    page.write(("first", "anna 1.00", "accepted"))
    page.aggregate()

    with psycopg.connect(database_url) as slow:
        Poster(slow, book_id=page.book_id, source_id=page.source_id).post(("slow", [(page.id("anna"), 500)]))
        page.write(("quick", "anna 2.00", "accepted"))  # a higher id, visible earlier
        naive = history(page, "anna", Window(ascending=True))
        read = pages(page, "anna", ascending=True, rows=10)
        told = [next(read), next(read)]
        slow.commit()
    page.aggregate()  # where a writer elsewhere keeps `now` from being settled, the mark settles it
    told += [next(read)]

    assert lines(naive) == ["first 100 100", "quick 200 300"]  # the control: going on behind it would skip `slow`
    assert [lines(found) for found in told] == [["first 100 100"], [], ["slow 500 600", "quick 200 800"]]
