"""How many records each repository of the ledger holds: counted from mark to mark, never by a scan (sql/record_count.sql)."""

from typing import NamedTuple

from django.db import connection

from appendonly.sqlfiles import read_sql
from ledger.limits import COUNT_STEP_IDS
from ledger.posting import execute
from metrics.repository import observed

_COUNT = "SELECT public.ledger_count_records_v1(%b::int, %b::bigint)"
_COUNTS = """
    SELECT coalesce(b.name, ''), c.repository, c.records FROM ledger_record_count c
    LEFT JOIN accounts_book b ON b.id = c.book_id
    UNION ALL
    SELECT b.name, 'inbox', (SELECT count(*) FROM ledger_inbox i WHERE i.book_id = b.id) FROM accounts_book b
    ORDER BY 2, 1
"""
_DRIFT = read_sql("ledger/sql/read/record_drift.sql")


class Count(NamedTuple):
    """The records of one repository in one book; the book's name is empty for what belongs to the whole server."""

    book: str
    repository: str
    records: int


@observed(repository="records")
def count(*, book_id: int) -> None:
    """Count what became safe in a book since the last run, at most COUNT_STEP_IDS ids."""
    execute(_COUNT, (book_id, COUNT_STEP_IDS))


@observed(repository="records")
def counts() -> list[Count]:
    """Return every count; exact up to about the newest mark. The inbox is a queue and short: it is counted now."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        return [Count(*row) for row in cursor.fetchall()]


@observed(repository="records")
def drift(*, book_id: int) -> int:
    """Return how many counts of a book differ from the tables. Reads all of them."""
    with connection.cursor() as cursor:
        cursor.execute(_DRIFT, {"book": book_id})
        return int(cursor.fetchone()[0])
