"""Partitions: there is always one for the next id, it is guarded like its parent, and nobody waits for it."""

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from appendonly.sqlfiles import read_sql
from tests.ledger.poster import Book, Poster, open_book
from tests.servers import Database

PARENTS = ("ledger_operation", "ledger_entry")


def partitions(connection: psycopg.Connection, parent: str) -> list[str]:
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1", (parent,)
    )
    return [row[0] for row in rows]


def add(connection: psycopg.Connection, ahead: int, rows: int) -> int:
    added = connection.execute("SELECT ledger_add_partitions_v2(%s, %s)", (ahead, rows)).fetchone()
    assert added is not None
    return int(added[0])


def poster(connection: psycopg.Connection, book: Book) -> Poster:
    return Poster(connection, book_id=book.id, source_id=book.source_id)


@pytest.fixture
def owner(scratch: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(scratch.owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def small(scratch: Database) -> None:
    """Partitions of ten rows, as the ledger of a scratch database begins."""
    with psycopg.connect(scratch.owner_url, autocommit=True) as connection:
        for parent in PARENTS:
            for partition in partitions(connection, parent):
                connection.execute(f"DROP TABLE {partition}")
        assert add(connection, 2, 10) == 4


def test_it_adds_nothing_where_nothing_is_missing(owner: psycopg.Connection) -> None:
    before = {parent: partitions(owner, parent) for parent in PARENTS}

    assert add(owner, 2, 20_000_000) == 0

    assert {parent: partitions(owner, parent) for parent in PARENTS} == before
    assert all(len(names) == 2 for names in before.values())


@pytest.mark.usefixtures("small")
def test_a_name_is_given_once_whatever_is_attached(owner: psycopg.Connection) -> None:
    owner.execute("ALTER TABLE ledger_operation DETACH PARTITION ledger_operation_p00001")
    owner.execute("ALTER TABLE ledger_entry DETACH PARTITION ledger_entry_p00001")
    owner.execute("DROP TABLE ledger_entry_p00001")

    assert add(owner, 3, 10) == 2

    assert partitions(owner, "ledger_operation") == ["ledger_operation_p00002", "ledger_operation_p00003"]
    assert partitions(owner, "ledger_entry") == ["ledger_entry_p00002", "ledger_entry_p00003"]


@pytest.mark.usefixtures("small")
def test_it_keeps_partitions_ahead_of_the_newest_id(scratch: Database, owner: psycopg.Connection) -> None:
    book = open_book(scratch.owner_url, "anna EUR", "bank EUR")
    anna, bank = book.accounts.values()

    with psycopg.connect(scratch.database_url, autocommit=True) as connection:
        for number in range(30):  # two entries each: three times across a border of operations, six times of entries
            assert poster(connection, book).post((f"{number}", [(anna, 1), (bank, -1)])) == ["accepted"]
            add(connection, 2, 10)

    assert owner.execute("SELECT sum(amount) FROM ledger_entry WHERE account_id = %s", (anna,)).fetchone() == (30,)
    assert len(partitions(owner, "ledger_operation")) == 5
    assert len(partitions(owner, "ledger_entry")) == 8


@pytest.mark.usefixtures("small")
def test_it_takes_one_operation_across_a_border(scratch: Database, owner: psycopg.Connection) -> None:
    book = open_book(scratch.owner_url, "anna EUR", "bank EUR")
    anna, bank = book.accounts.values()

    with psycopg.connect(scratch.database_url, autocommit=True) as connection:
        told = poster(connection, book).post(("wide", [(anna, 1)] * 14 + [(bank, -14)]))

    assert told == ["accepted"]
    used = owner.execute("SELECT DISTINCT tableoid::regclass::text FROM ledger_entry ORDER BY 1").fetchall()
    assert used == [("ledger_entry_p00001",), ("ledger_entry_p00002",)]


@pytest.mark.usefixtures("small")
def test_it_fails_loudly_and_leaves_nothing_where_a_partition_is_missing(scratch: Database) -> None:
    book = open_book(scratch.owner_url, "anna EUR")

    with psycopg.connect(scratch.database_url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
            poster(connection, book).post(("too wide", [(book.accounts["anna"], 1), (book.accounts["anna"], -1)] * 15))
        add(connection, 2, 10)

        assert poster(connection, book).post(("too wide", [(book.accounts["anna"], 1)])) == ["accepted"]


@pytest.mark.usefixtures("small")
def test_it_guards_each_new_partition_by_itself(owner: psycopg.Connection) -> None:
    add(owner, 5, 10)

    for parent in PARENTS:
        assert len(partitions(owner, parent)) == 5
        for partition in partitions(owner, parent):
            for verb in ("UPDATE {} SET book_id = book_id", "DELETE FROM {}", "TRUNCATE {}"):
                with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                    owner.execute(verb.format(partition))


@pytest.mark.usefixtures("small")
def test_it_gives_each_new_partition_the_constraints_and_indexes_of_its_parent(owner: psycopg.Connection) -> None:
    add(owner, 5, 10)

    for parent in PARENTS:
        shapes = {
            tuple(
                owner.execute(
                    "SELECT regexp_replace(pg_get_indexdef(i.indexrelid), '.* USING ', ''), i.indisunique, i.indisvalid"
                    " FROM pg_index i WHERE i.indrelid = %s::regclass ORDER BY 1",
                    (table,),
                ).fetchall()
            )
            for table in [parent, *partitions(owner, parent)]
        }
        assert len(shapes) == 1, shapes
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(
            "INSERT INTO ledger_entry_p00005 (id, book_id, operation_id, account_id, amount, effective_at)"
            " VALUES (41, 1, 1, 1, 0, now())"
        )


def test_it_does_not_wait_for_postings_nor_make_them_wait(scratch: Database) -> None:
    book = open_book(scratch.owner_url, "anna EUR floor 0", "bank EUR")
    anna, bank = book.accounts.values()

    with (
        psycopg.connect(scratch.database_url) as slow,
        psycopg.connect(scratch.database_url) as adder,
        psycopg.connect(scratch.database_url, autocommit=True) as quick,
    ):
        for connection in (adder, quick):
            connection.execute("SET lock_timeout = '2s'")
        poster(slow, book).post(("slow", [(anna, 5), (bank, -5)]), ("slow down", [(anna, -1), (bank, 1)]))

        added = add(adder, 4, 20_000_000)
        told = poster(quick, book).post(("quick", [(bank, -5)]), ("quick", [(bank, -5)]))
        adder.commit()
        slow.commit()

    assert (added, told) == (6, ["accepted", "accepted again"])


SCANS = """
    SELECT relname, coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_xact_user_tables
    WHERE relname LIKE 'ledger\\_entry\\_p%'
"""


def executed(connection: psycopg.Connection, statement: str, *parameters: object) -> set[str]:
    """The partitions that a statement really looked into."""
    rows = connection.execute(
        f"EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) {statement}", parameters
    ).fetchone()
    assert rows is not None
    found: set[str] = set()

    def walk(node: dict[str, Any]) -> None:
        if "Relation Name" in node and node["Actual Loops"]:
            found.add(node["Relation Name"])
        for child in node.get("Plans", []):
            walk(child)

    walk(rows[0][0]["Plan"])
    return {name for name in found if "_p0" in name or "_key_" in name}


def scanned(connection: psycopg.Connection, statement: str, *parameters: object) -> set[str]:
    """The partitions of entries that a statement looked into, also inside of functions: PostgreSQL's own counts of scans."""
    with connection.transaction():
        before = dict(connection.execute(SCANS).fetchall())
        connection.execute(statement, parameters)
        return {name for name, scans in connection.execute(SCANS).fetchall() if scans > before.get(name, 0)}


@pytest.mark.usefixtures("small")
def test_it_never_looks_into_all_partitions_on_the_way_of_a_request(
    scratch: Database, owner: psycopg.Connection
) -> None:
    book = open_book(scratch.owner_url, "anna EUR floor 0", "bank EUR")
    anna, bank = book.accounts.values()
    with psycopg.connect(scratch.database_url, autocommit=True) as connection:
        for number in range(60):
            add(owner, 2, 10)
            assert poster(connection, book).post((f"{number}", [(anna, 1), (bank, -1)])) == ["accepted"]
            safe = settle(connection)
            connection.execute("SELECT ledger_aggregate_v1(%s, %s)", (book.id, safe))
    assert len(partitions(owner, "ledger_entry")) >= 12
    owner.execute("SET plan_cache_mode = force_generic_plan")

    balance = read_sql("ledger/sql/read/balance_now.sql").replace("%b", "%s")
    # The tail's own, perhaps one border, and the two empty ones ahead; not the ten behind.
    assert 1 <= len(scanned(owner, balance, 10, book.id, anna)) <= 4
    assert 1 <= len(scanned(owner, "SELECT ledger_balance_v1(%s, %s)", book.id, anna)) <= 4
    assert 1 <= len(scanned(owner, "SELECT ledger_balance_v1(%s, %s, 30)", book.id, anna)) <= 2
    assert len(executed(owner, "SELECT * FROM ledger_operation WHERE book_id = %s AND id = %s", book.id, 60)) == 1
    key = "SELECT operation_id FROM ledger_operation_key WHERE book_id = %s AND source_id = %s AND key = %s"
    assert len(executed(owner, key, book.id, book.source_id, "7")) == 1


def settle(connection: psycopg.Connection) -> int:
    """A closed mark at all that is recorded by now."""
    newest = connection.execute("SELECT last_value FROM ledger_entry_id_seq").fetchone()
    assert newest is not None
    for _ in range(2_000):
        connection.execute("SELECT ledger_take_mark_v1()")
        closed = connection.execute("SELECT ledger_close_marks_v1()").fetchone()
        assert closed is not None
        if closed[0] >= newest[0]:
            return int(closed[0])
        time.sleep(0.01)  # a writer of another test process holds the mark back
    raise AssertionError("the marks do not close")
