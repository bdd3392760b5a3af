"""How entries of an account are found: by the index of accounts, whatever the planner knows of the table."""

from collections.abc import Callable

import psycopg
import pytest

from tests.ledger.poster import Poster, open_book
from tests.servers import Database

# Written like the tails in ledger/sql: one account, a range of ids that is known only when it runs.
TAIL = "SELECT sum(e.amount) FROM ledger_entry e WHERE e.book_id = $1 AND e.account_id = $2 AND e.id > $3"
BETWEEN = f"{TAIL} AND e.id <= $4"


class Ledger:
    """A database of its own, as it is after `migrate`."""

    def __init__(self, database: Database) -> None:
        self.connection = psycopg.connect(database.owner_url, autocommit=True)
        self.book = open_book(database.owner_url, "anna EUR", "bank EUR")
        self.poster = Poster(self.connection, book_id=self.book.id, source_id=self.book.source_id)
        self.number = 0

    def plan(self, statement: str) -> str:
        self.connection.execute(f"PREPARE tail (int, bigint, bigint, bigint) AS {statement}")
        self.connection.execute("SET plan_cache_mode = force_generic_plan")
        rows = self.connection.execute("EXPLAIN EXECUTE tail (1, 1, 1, 1)").fetchall()
        self.connection.execute("DEALLOCATE tail")
        return "\n".join(row[0] for row in rows)

    def post_much(self) -> None:
        """Many entries of one account."""
        anna = self.book.accounts["anna"]
        for _ in range(6):
            self.number += 1
            self.poster.post(*((f"{self.number}.{place}", [(anna, 1)]) for place in range(1_000)))

    def analyze(self) -> None:
        """As autovacuum does it: the partition that has changed."""
        self.connection.execute("ANALYZE ledger_entry_p00001")

    def add_partition(self) -> None:
        self.connection.execute("SELECT ledger_add_partitions_v2(3)")


@pytest.fixture
def ledger(scratch: Database) -> Ledger:
    return Ledger(scratch)


def _nothing_yet(_ledger: Ledger) -> None:
    """As after `migrate`."""


def _much_of_one_account(ledger: Ledger) -> None:
    ledger.post_much()


def _much_of_one_account_analyzed(ledger: Ledger) -> None:
    ledger.post_much()
    ledger.analyze()


def _a_new_partition(ledger: Ledger) -> None:
    ledger.post_much()
    ledger.add_partition()


@pytest.mark.parametrize("statement", [TAIL, BETWEEN])
@pytest.mark.parametrize("state", [_nothing_yet, _much_of_one_account, _much_of_one_account_analyzed, _a_new_partition])
def test_an_account_is_found_by_the_index_of_accounts(
    state: Callable[[Ledger], None], statement: str, ledger: Ledger
) -> None:
    state(ledger)

    plan = ledger.plan(statement)

    assert "account_id_id_amount_idx" in plan
    assert "_pkey" not in plan
    assert "Seq Scan" not in plan


def test_a_new_partition_is_empty_and_guarded(ledger: Ledger) -> None:
    ledger.add_partition()

    assert ledger.connection.execute("SELECT count(*) FROM ledger_entry").fetchone() == (0,)
    with pytest.raises(psycopg.errors.RestrictViolation):
        ledger.connection.execute("TRUNCATE ledger_entry_p00003")


def test_its_control_reads_by_the_key_without_statistics(ledger: Ledger, scratch: Database) -> None:
    for _ in range(10):
        ledger.post_much()
    with psycopg.connect(scratch.superuser_url, autocommit=True) as superuser:
        superuser.execute("DELETE FROM pg_statistic WHERE starelid = 'ledger_entry_p00001'::regclass")

    assert "_pkey" in ledger.plan(BETWEEN)


def test_its_control_reads_by_the_key_with_a_number_of_accounts_from_a_sample(ledger: Ledger) -> None:
    ledger.post_much()
    ledger.connection.execute("ALTER TABLE ledger_entry_p00001 ALTER COLUMN account_id RESET (n_distinct)")
    ledger.analyze()

    assert "_pkey" in ledger.plan(TAIL)
