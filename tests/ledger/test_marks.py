"""Marks: a value at or below which nothing can appear any more, whatever writers do; in slow motion."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import scalar_row

from ledger import marks
from tests.ledger.poster import Poster, open_book
from tests.servers import Database


class Cast:
    """Connections to a scratch database by short names, each with its own open transaction unless told otherwise."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.book = open_book(database.owner_url, "anna EUR")
        self._connections: list[psycopg.Connection] = []
        self._keys = iter(range(1_000_000))

    def somebody(self, *, autocommit: bool = False) -> psycopg.Connection:
        connection = psycopg.connect(self.database.database_url, autocommit=autocommit)
        self._connections.append(connection)
        return connection

    def post(self, connection: psycopg.Connection) -> int:
        """Post one entry in the connection's transaction; return its id."""
        poster = Poster(connection, book_id=self.book.id, source_id=self.book.source_id)
        assert poster.post((f"key {next(self._keys)}", [(self.book.accounts["anna"], 1)])) == ["accepted"]
        return scalar(connection, "SELECT max(id) FROM ledger_entry")

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


@pytest.fixture
def cast(quiet: Database) -> Iterator[Cast]:
    cast = Cast(quiet)
    yield cast
    cast.close()


def scalar(connection: psycopg.Connection, statement: str) -> int:
    with connection.cursor(row_factory=scalar_row) as cursor:
        value: int = cursor.execute(statement).fetchone()
        return value


def take(connection: psycopg.Connection) -> int:
    return scalar(connection, "SELECT entry_id FROM ledger_take_mark_v1()")


def close(connection: psycopg.Connection) -> int:
    return scalar(connection, "SELECT ledger_close_marks_v1()")


def test_it_is_zero_before_the_first_entry(scratch: Database) -> None:
    with psycopg.connect(scratch.database_url, autocommit=True) as marker:
        assert (take(marker), close(marker)) == (0, 0)


def test_it_closes_at_once_where_no_writer_is_under_way(cast: Cast) -> None:
    writer, marker = cast.somebody(autocommit=True), cast.somebody(autocommit=True)
    entry = cast.post(writer)

    assert take(marker) == entry
    wait_for_close(marker, entry)


def wait_for_close(marker: psycopg.Connection, value: int) -> None:
    """Other test processes write on the same server: a mark waits for them too, so marks are taken until one closes."""
    for _ in range(10_000):
        if close(marker) == value:
            return
        take(marker)
    raise AssertionError("the mark does not close")


def test_it_stays_open_while_a_writer_that_began_before_it_is_under_way(cast: Cast) -> None:
    slow, quick, marker = cast.somebody(), cast.somebody(autocommit=True), cast.somebody(autocommit=True)
    before = cast.post(quick)
    wait_for_close(marker, before)

    late = cast.post(slow)
    newest = cast.post(quick)
    assert take(marker) == newest
    for _ in range(5):
        assert close(marker) == before
        assert take(marker) == newest

    slow.commit()
    wait_for_close(marker, newest)
    assert before < late < newest


def test_it_stays_open_for_a_writer_that_has_only_drawn_its_transaction(cast: Cast) -> None:
    slow, quick, marker = cast.somebody(), cast.somebody(autocommit=True), cast.somebody(autocommit=True)
    wait_for_close(marker, cast.post(quick))
    scalar(slow, "SELECT pg_current_xact_id()::text::bigint")  # it may draw an id, or may have drawn one

    entry = cast.post(quick)
    take(marker)

    assert close(marker) < entry
    slow.rollback()
    wait_for_close(marker, entry)


def test_it_does_not_wait_for_writers_that_begin_after_it(cast: Cast) -> None:
    quick, later, marker = cast.somebody(autocommit=True), cast.somebody(), cast.somebody(autocommit=True)
    entry = cast.post(quick)
    while True:  # until no other test process was writing at the moment of the mark
        assert take(marker) == entry
        late = cast.post(later)
        if close(marker) == entry:
            break
        later.rollback()
        entry = max(entry, late)

    assert late > entry


def test_it_stays_open_for_a_prepared_transaction(cast: Cast) -> None:
    slow, quick, marker = cast.somebody(), cast.somebody(autocommit=True), cast.somebody(autocommit=True)
    wait_for_close(marker, cast.post(quick))
    cast.post(slow)
    slow.execute("PREPARE TRANSACTION 'slow'")
    slow.commit()  # ends nothing on the server: the transaction is nobody's now
    try:
        entry = cast.post(quick)
        take(marker)

        assert close(marker) < entry
    finally:
        quick.execute("COMMIT PREPARED 'slow'")
    wait_for_close(marker, entry)


def test_it_must_be_taken_in_a_transaction_of_its_own(cast: Cast) -> None:
    writer = cast.somebody()
    cast.post(writer)

    with pytest.raises(psycopg.errors.RaiseException, match="a transaction of its own"):
        take(writer)


def test_it_never_goes_back(cast: Cast) -> None:
    # Two aggregators at once: the one that read the sequence first may draw its transaction last.
    owner = psycopg.connect(cast.database.owner_url, autocommit=True)
    writer, marker = cast.somebody(autocommit=True), cast.somebody(autocommit=True)
    for _ in range(3):
        entry = cast.post(writer)
    wait_for_close(marker, entry)
    owner.execute(
        "INSERT INTO ledger_open_mark (xid, taken_at, operation_id, entry_id)"
        " VALUES (pg_current_xact_id(), now() - interval '1 hour', 1, %s)",
        (entry - 1,),
    )

    while scalar(marker, "SELECT count(*) FROM ledger_open_mark"):
        assert close(marker) == entry

    kept = owner.execute("SELECT entry_id, operation_id FROM ledger_mark ORDER BY id").fetchall()
    assert kept == sorted(kept)
    owner.close()


def test_it_writes_nothing_while_the_ledger_is_idle(cast: Cast) -> None:
    writer, marker = cast.somebody(autocommit=True), cast.somebody(autocommit=True)
    wait_for_close(marker, cast.post(writer))
    kept = scalar(marker, "SELECT count(*) FROM ledger_mark")

    for _ in range(5):
        take(marker)
        close(marker)

    assert scalar(marker, "SELECT count(*) FROM ledger_mark") == kept


def test_it_forgets_marks_that_a_newer_one_covers(cast: Cast) -> None:
    writer, marker = cast.somebody(autocommit=True), cast.somebody(autocommit=True)
    for _ in range(5):
        cast.post(writer)
        take(marker)

    for _ in range(10_000):  # writers of other test processes may hold the last one back for a moment
        close(marker)
        if not scalar(marker, "SELECT count(*) FROM ledger_open_mark"):
            return
    raise AssertionError("an open mark stays")


@pytest.mark.parametrize("told", [10**18, 2**63 - 1])
def test_it_bounds_the_aggregator_whatever_the_aggregator_is_told(cast: Cast, told: int) -> None:
    slow, quick, marker = cast.somebody(), cast.somebody(autocommit=True), cast.somebody(autocommit=True)
    closed = cast.post(quick)
    wait_for_close(marker, closed)
    cast.post(slow)
    cast.post(quick)

    row = marker.execute("SELECT ledger_aggregate_v1(%s, %s, 1000000, 1)", (cast.book.id, told)).fetchone()

    assert row == (closed,)


def test_it_is_taken_and_closed_in_one_call() -> None:
    first = marks.take_and_close()

    assert marks.take_and_close() >= first
    assert marks.close() >= first


def test_it_knows_when_older_writers_have_ended(database_url: str) -> None:
    with psycopg.connect(database_url) as slow:
        scalar(slow, "SELECT pg_current_xact_id()::text::bigint")
        newest = marks.newest_transaction()
        assert not marks.older_writers_ended(newest)

    for _ in range(10_000):
        if marks.older_writers_ended(newest):
            return
    raise AssertionError("they do not end")
