"""Balances at a moment: every answer is held against the sum of the entries, at every moment where it could differ."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from appendonly.sqlfiles import read_sql
from ledger import balances, grid, posting
from tests.ledger.page import Page

TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)


def around(moments: Iterable[datetime]) -> list[datetime]:
    """Each moment, with the one before it and the one after it."""
    return sorted({moment + step for moment in moments for step in (-TICK, 0 * TICK, TICK)})


def sums(page: Page, account: str, column: str, moments: list[datetime]) -> list[int]:
    """The sum of the entries strictly before each moment."""
    rows = page.query(
        f"SELECT (SELECT coalesce(sum(amount), 0) FROM ledger_entry e"
        f"        WHERE e.book_id = %s AND e.account_id = %s AND e.{column} < m.moment)"
        f" FROM unnest(%s::timestamptz[]) WITH ORDINALITY m(moment, place) ORDER BY place",
        page.book_id,
        page.id(account),
        moments,
    )
    return [int(row[0]) for row in rows]


def recorded(page: Page, account: str, moments: list[datetime]) -> list[int]:
    return [balances.at(book_id=page.book_id, account_id=page.id(account), moment=moment).minor for moment in moments]


def effective(page: Page, account: str, moments: list[datetime]) -> list[int]:
    return [
        balances.at_effective(book_id=page.book_id, account_id=page.id(account), moment=moment).minor
        for moment in moments
    ]


def test_it_counts_what_was_recorded_strictly_before_the_moment() -> None:
    page = Page.open_new("anna EUR")
    page.write(("a", "anna 1.00", "accepted"), ("b", "anna 2.00", "accepted"), ("c", "anna -0.50", "accepted"))
    a, b, c = (page.recorded_at(key) for key in ("a", "b", "c"))

    assert recorded(page, "anna", [a, a + TICK, b, b + TICK, c, c + TICK]) == [0, 100, 100, 300, 300, 250]


def test_it_counts_what_is_effective_strictly_before_the_moment() -> None:
    page = Page.open_new("anna EUR")
    may, june = datetime(2024, 5, 31, 22, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
    page.write(
        ("in june", "anna 1.00", "accepted", {"effective_at": june.isoformat()}),
        ("back-dated", "anna 2.00", "accepted", {"effective_at": may.isoformat()}),
    )

    assert effective(page, "anna", [may, may + TICK, june, june + TICK]) == [0, 200, 200, 300]


def test_it_keeps_recorded_and_effective_time_apart() -> None:
    page = Page.open_new("anna EUR")
    before = datetime.now(UTC) - timedelta(hours=1)
    page.write(
        ("now", "anna 1.00", "accepted"),
        ("back-dated", "anna 2.00", "accepted", {"effective_at": "2001-01-01T00:00:00Z"}),
        ("ahead", "anna 4.00", "accepted", {"effective_at": (before + DAY).isoformat()}),
    )
    after = page.recorded_at("ahead") + TICK

    assert recorded(page, "anna", [before, after]) == [0, 700]
    assert effective(page, "anna", [before, after, before + DAY, before + DAY + TICK]) == [200, 300, 300, 700]


@pytest.mark.parametrize("aggregated", ["never", "at the end", "now and then"])
def test_it_answers_the_sum_of_entries_at_every_moment(aggregated: str) -> None:
    page = Page.open_new("anna EUR", "bank EUR", "idle EUR")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - 400 * DAY, midnight - DAY, midnight - TICK, midnight, midnight + TICK, midnight + DAY]
    for number in range(24):
        more = {"effective_at": days[number % 7].isoformat()} if number % 7 < len(days) else {}
        page.write((f"{number}", f"anna {number + 1}, bank -{number + 1}", "accepted", more))
        if aggregated == "now and then" and number % 5 == 4:
            page.aggregate()
    if aggregated == "at the end":
        page.aggregate()
    if aggregated != "never":
        assert page.count("ledger_snapshot") > 0

    marks = page.query("SELECT taken_at, closed_at FROM (SELECT * FROM ledger_mark ORDER BY id DESC LIMIT 5) newest")
    entries = page.query("SELECT recorded_at, effective_at FROM ledger_entry WHERE book_id = %s", page.book_id)
    moments = around([*days, *(moment for row in [*marks, *entries] for moment in row)])
    moments += [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]

    for account in ("bank", "idle"):  # the newest entry is the bank's
        assert recorded(page, account, moments) == sums(page, account, "recorded_at", moments)
        assert effective(page, account, moments) == sums(page, account, "effective_at", moments)


def test_it_answers_as_before_about_the_past_when_more_was_recorded_since() -> None:
    page = Page.open_new("anna EUR")
    page.write(("a", "anna 1.00", "accepted"))
    moment = page.recorded_at("a") + TICK
    first = recorded(page, "anna", [moment])

    page.write(("back-dated", "anna 5.00", "accepted", {"effective_at": "2001-01-01T00:00:00Z"}))
    page.aggregate()

    assert recorded(page, "anna", [moment]) == first == [100]


def test_it_says_where_a_balance_comes_from_and_as_of_when() -> None:
    page = Page.open_new("anna EUR floor -5.00")
    page.write(("a", "anna 1.00", "accepted"))
    page.aggregate()  # the grid holds nothing before the aggregator repeats what is lost on the way to it

    first, second = page.balance("anna"), page.balance("anna")

    assert (first.source, second.source) == ("ledger", "grid")
    assert page.recorded_at("a") < first.as_of == second.as_of
    assert (first.minor, first.floor_minor) == (second.minor, second.floor_minor) == (100, -500)


def pages_read(page: Page, account: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many pages of PostgreSQL the balance statement touches."""
    asked: list[tuple[str, Any]] = []
    with monkeypatch.context() as noting:
        noting.setattr(grid, "read", lambda **_: None)
        noting.setattr(balances, "execute", lambda *call: asked.append(call) or posting.execute(*call))
        page.balance(account)
    ((statement, parameters),) = asked
    plan = json.loads(
        json.dumps(posting.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters)[0])
    )
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])


def record(owner: psycopg.Connection, page: Page, accounts: list[str], entries: int) -> None:
    """Record so many entries, one account after the other, faster than by posting."""
    ids = [page.id(account) for account in accounts]
    owner.execute(
        "INSERT INTO ledger_entry (book_id, operation_id, account_id, amount, effective_at)"
        " SELECT %s, 0, (%s::bigint[])[1 + i %% %s], 1, now() FROM generate_series(0, %s) i",
        (page.book_id, ids, len(ids), entries - 1),
    )


@pytest.mark.parametrize("entries", [10_000, 100_000])
def test_it_reads_at_most_twenty_pages_for_a_balance(
    entries: int, owner_connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page.open_new("anna EUR")
    record(owner_connection, page, ["anna"], entries)
    page.aggregate()

    record(owner_connection, page, ["anna"], 7)

    assert pages_read(page, "anna", monkeypatch) <= 20
    assert page.balance("anna").minor == entries + 7


def test_it_reads_at_most_twenty_pages_when_every_entry_lies_on_a_page_of_its_own(
    owner_connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"account-{number}" for number in range(500)]
    page = Page.open_new(*(f"{name} EUR" for name in names))
    owner_connection.execute("ANALYZE accounts_account")  # as autovacuum does, which knows nothing of one large book

    for rounds in (20, 63, 7):  # without vacuum: a tail's entries are 500 rows apart
        record(owner_connection, page, names, rounds * len(names))
        page.aggregate()

        assert pages_read(page, "account-250", monkeypatch) <= 20

    assert page.balance("account-250").minor == 90


def test_it_reads_at_most_twenty_pages_for_a_balance_at_a_date_among_a_year_of_days(
    owner_connection: psycopg.Connection,
) -> None:
    names = [f"account-{number}" for number in range(100)]
    page = Page.open_new(*(f"{name} EUR" for name in names))
    owner_connection.execute(  # day by day, as they come: those of one account are far apart
        "INSERT INTO ledger_turnover SELECT %s, account, date '2024-01-01' + day, 2, 1, 1, 1, 1, 1"
        " FROM generate_series(0, 364) day, unnest(%s::bigint[]) account",
        (page.book_id, [page.id(name) for name in names]),
    )
    statement = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + read_sql("ledger/sql/read/balance_effective.sql")
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    deadline = time.monotonic() + 60

    while True:
        owner_connection.execute("VACUUM (ANALYZE) ledger_turnover")  # as autovacuum does when days have passed
        with connection.cursor() as cursor:
            cursor.execute(statement, {"book": page.book_id, "account": page.id("account-50"), "moment": moment})
            plan = json.loads(json.dumps(cursor.fetchone()[0]))[0]["Plan"]
        pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        if pages <= 20:
            break
        assert time.monotonic() < deadline, pages  # writers of other tests hold vacuum back for a moment

    assert effective(page, "account-50", [moment]) == [365]
    owner_connection.execute(
        "DELETE FROM ledger_turnover WHERE book_id = %s", (page.book_id,)
    )  # no entries are behind it
