"""The aggregator's work: made anew it is the same, and what differs from the entries is found."""

import psycopg
import pytest
from django.core.management import CommandError, call_command

from accounts.models import Book
from ledger import aggregates, limits
from ledger.aggregates import Drift
from tests.ledger.page import Page

NO_DRIFT = Drift(snapshots=0, turnovers=0)


@pytest.fixture
def page() -> Page:
    """A year of one account: enough entries for snapshots, on several days."""
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    days = [{"effective_at": f"2024-{1 + number % 12:02}-10T12:00:00Z"} for number in range(150)]
    page.write_batch(*((f"pay {n}", "bank -1.00, anna 1.00", "accepted", day) for n, day in enumerate(days)))
    page.aggregate()
    return page


def stored(page: Page) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    return (
        page.query(
            "SELECT account_id, effective_on, increments, decrements FROM ledger_turnover WHERE book_id = %s ORDER BY 1, 2",
            page.book_id,
        ),
        page.query("SELECT DISTINCT account_id FROM ledger_snapshot WHERE book_id = %s ORDER BY 1", page.book_id),
    )


def test_it_makes_the_same_anew_from_the_entries(page: Page) -> None:
    before = stored(page)

    aggregates.rebuild(book_id=page.book_id)
    page.aggregate()

    assert stored(page) == before
    assert aggregates.drift(book_id=page.book_id) == NO_DRIFT
    page.shows("anna 150.00, bank -150.00")


@pytest.mark.parametrize(("busy_ids", "goes_on"), [(100, True), (10**12, False)])
def test_a_run_goes_on_in_rounds_only_while_much_comes(
    busy_ids: int, goes_on: bool, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def post_more(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            page.write_batch(*((f"later {n}", "bank -1.00, anna 1.00", "accepted") for n in range(100)))

    pauses: list[float] = []
    monkeypatch.setattr(aggregates, "AGGREGATE_BUSY_IDS", busy_ids)
    monkeypatch.setattr(aggregates.time, "sleep", post_more)
    aggregates.run()
    page.write_batch(*((f"more {n}", "bank -1.00, anna 1.00", "accepted") for n in range(100)))

    for _ in range(100):  # writers of other tests may hold a mark back
        aggregates.run()

    assert bool(pauses) == goes_on
    assert len(pauses) < 100 * limits.AGGREGATE_ROUNDS_PER_RUN
    assert set(pauses) <= {limits.AGGREGATE_PAUSE_SECONDS}


def test_it_finds_a_snapshot_and_a_turnover_that_were_tampered_with(
    page: Page, superuser_connection: psycopg.Connection
) -> None:
    assert aggregates.drift(book_id=page.book_id) == NO_DRIFT

    with superuser_connection.transaction():
        superuser_connection.execute("SET LOCAL session_replication_role = replica")
        superuser_connection.execute("ALTER TABLE ledger_snapshot DISABLE TRIGGER ALL")
        superuser_connection.execute(
            "UPDATE ledger_snapshot SET balance = balance + 1 WHERE book_id = %s AND account_id = %s",
            (page.book_id, page.id("anna")),
        )
        superuser_connection.execute("ALTER TABLE ledger_snapshot ENABLE ALWAYS TRIGGER appendonly_update")
        superuser_connection.execute("ALTER TABLE ledger_snapshot ENABLE ALWAYS TRIGGER appendonly_truncate")
        superuser_connection.execute(
            "UPDATE ledger_turnover SET increments = increments + 1 WHERE book_id = %s AND account_id = %s",
            (page.book_id, page.id("anna")),
        )

    found = aggregates.drift(book_id=page.book_id)
    assert found.snapshots >= 1
    assert found.turnovers == 12
    name = Book.objects.get(id=page.book_id).name
    with pytest.raises(CommandError, match="12 days of turnover differ"):
        call_command("aggregates", "check", book=name)

    call_command("aggregates", "rebuild", book=name)
    assert aggregates.drift(book_id=page.book_id) == NO_DRIFT


def limit_of(page: Page) -> str | None:
    limit = page.account("anna").fast_debit_limit
    return None if limit is None else page.format("anna", int(limit))


def posters(page: Page) -> int:
    row = page.query(
        "SELECT current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int"
    )
    return int(row[0][0])


def test_it_sets_the_fast_debit_limit_from_the_headroom(page: Page) -> None:
    page.write(
        ("funds", "bank -1000000.00, anna 1000000.00", "accepted"), ("spend", "anna -1.00, bank 1.00", "accepted")
    )
    page.aggregate()

    headroom = page.sum("anna")
    assert limit_of(page) == page.format("anna", headroom // (2 * posters(page)))


def _spend(page: Page, *amounts: str) -> None:
    page.write_batch(
        *((f"spend {n} {page.sum('bank')}", f"anna -{a}, bank {a}", "accepted") for n, a in enumerate(amounts))
    )
    page.aggregate()


def _spanning(page: Page) -> str:
    return page.format("anna", page.sum("anna") // (2 * (posters(page) + limits.FAST_LIMIT_SPAN_IDS)))


def test_a_busy_account_gets_a_limit_that_lets_a_snapshot_do(page: Page) -> None:
    page.write(("funds", "bank -1000000.00, anna 1000000.00", "accepted"))
    busy = ["1.00"] * limits.FAST_LIMIT_BUSY_DEBITS

    _spend(page, *busy[1:])
    assert limit_of(page) == page.format("anna", page.sum("anna") // (2 * posters(page)))
    assert page.account("anna").fast_debit_since is None

    _spend(page, *busy)
    assert limit_of(page) == _spanning(page)
    assert page.account("anna").fast_debit_since is not None

    # It stays so while it is not busy, until more is taken than such a limit lets through.
    _spend(page, "9.00")
    assert limit_of(page) == _spanning(page)
    _spend(page, "90.00")
    assert limit_of(page) == page.format("anna", page.sum("anna") // (2 * posters(page)))
    assert page.account("anna").fast_debit_since is None


def test_a_busy_account_that_takes_much_at_once_keeps_the_larger_limit(page: Page) -> None:
    page.write(("funds", "bank -1000000.00, anna 1000000.00", "accepted"))

    _spend(page, *["1.00"] * limits.FAST_LIMIT_BUSY_DEBITS, "90.00")

    assert limit_of(page) == page.format("anna", page.sum("anna") // (2 * posters(page)))
    assert page.account("anna").fast_debit_since is None


@pytest.mark.parametrize(("fixed", "fits"), [("0.05", True), ("90.00", False)])
def test_a_snapshot_does_for_a_limit_that_a_person_fixed_where_that_is_small(
    page: Page, fixed: str, fits: bool
) -> None:
    page.change("anna", fast_debit_limit=fixed)
    page.write(("funds", "bank -1000000.00, anna 1000000.00", "accepted"))

    _spend(page, *["0.05"] * limits.FAST_LIMIT_BUSY_DEBITS)

    assert limit_of(page) == fixed
    assert (page.account("anna").fast_debit_since is not None) == fits


def test_it_takes_the_limit_away_when_the_headroom_is_gone(page: Page) -> None:
    page.write(
        ("funds", "bank -1000000.00, anna 1000000.00", "accepted"), ("spend", "anna -1.00, bank 1.00", "accepted")
    )
    page.aggregate()
    assert limit_of(page) is not None

    page.write(("all", "anna -1000149.00, bank 1000149.00", "accepted"))
    page.aggregate()

    assert limit_of(page) is None
    page.shows("anna 0.00")


def test_it_leaves_a_limit_that_a_person_fixed(page: Page) -> None:
    page.change("anna", fast_debit_limit="0.05")

    page.write(
        ("funds", "bank -1000000.00, anna 1000000.00", "accepted"), ("spend", "anna -1.00, bank 1.00", "accepted")
    )
    page.aggregate()

    assert limit_of(page) == "0.05"
    page.change("anna", fast_debit_limit=None)
    page.write(("more", "anna -1.00, bank 1.00", "accepted"))
    page.aggregate()
    assert limit_of(page) != "0.05"


def test_it_records_only_the_limits_that_persons_set(page: Page) -> None:
    changes = page.count("accounts_account_change")
    page.write(
        ("funds", "bank -1000000.00, anna 1000000.00", "accepted"), ("spend", "anna -1.00, bank 1.00", "accepted")
    )
    page.aggregate()
    assert page.count("accounts_account_change") == changes

    page.change("anna", fast_debit_limit="0.05")

    assert page.count("accounts_account_change") == changes + 1
