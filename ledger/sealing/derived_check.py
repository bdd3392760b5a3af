"""What is derived from the records and what guards them: stray entries, keys, snapshots and turnover, triggers and rights."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger import aggregates
from ledger.limits import FINDINGS_OF_A_CHECK_MAX, STRAY_STEP_IDS
from ledger.models import Mark, Operation
from ledger.sealing import sealer
from ledger.sealing.archives import Shelf
from ledger.sealing.findings import Code, Finding

_STRAY = read_sql("ledger/sql/read/stray_entries.sql")
_KEYS_MISSING = read_sql("ledger/sql/read/keys_missing.sql")
_KEYS_COUNTED = read_sql("ledger/sql/read/keys_counted.sql")
_KEYS_STRANGE = read_sql("ledger/sql/read/keys_strange.sql")
_GUARDS = read_sql("ledger/sql/read/guard_faults.sql")
_LOWEST = -(2**63)


def check_records(*, book: Book, shelf: Shelf) -> Iterator[Finding]:
    """Find records that no block can cover, entries that no operation contains, keys and aggregates that do not fit."""
    mark = Mark.objects.order_by("-id").first()
    safe_operation, safe_entry = (0, 0) if mark is None else (mark.operation_id, mark.entry_id)
    below = Operation.objects.filter(book_id=book.id, id__lte=0).values_list("id", flat=True)[:FINDINGS_OF_A_CHECK_MAX]
    for operation_id in below:
        yield Finding(Code.ROW_OUTSIDE, "No block covers an id below 1.", book.name, None, operation_id)
    bounds = [_LOWEST, *range(0, safe_entry, STRAY_STEP_IDS), safe_entry]
    asked = {"book": book.id, "rows": FINDINGS_OF_A_CHECK_MAX} | shelf.ranges
    for start, end in pairwise(bounds):
        for entry_id, operation_id, wrong in _rows(_STRAY, asked | {"from": start, "to": end}):
            yield Finding(Code.ENTRY_STRAY, f"Entry {entry_id} {wrong}.", book.name, None, operation_id)
    for operation_id, detail in _key_faults(asked | {"safe": safe_operation}):
        yield Finding(Code.KEY_FAULT, detail, book.name, None, operation_id)
    drift = aggregates.drift(book_id=book.id)
    if drift.snapshots or drift.turnovers:
        detail = f"{drift.snapshots} snapshots and {drift.turnovers} days of turnover differ from the entries."
        yield Finding(Code.AGGREGATE_DIFFERS, detail, book.name)


def _key_faults(asked: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    missing = _rows(_KEYS_MISSING, asked)
    yield from missing
    kept, due = _rows(_KEYS_COUNTED, asked)[0]
    if missing or kept != due:
        yield from _rows(_KEYS_STRANGE, asked)


def _rows(statement: str, asked: Mapping[str, Any]) -> list[Any]:
    """Read with joins by hashes: a planner without statistics would look up each row by itself, at four times the cost."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(statement, asked)
        found: list[Any] = cursor.fetchall()
    return found


def check_guards() -> Iterator[Finding]:
    """Find guards that are missing or off, rights that the application should not have, and sequences that break the marks."""
    with connection.cursor() as cursor:
        cursor.execute(_GUARDS, {"role": settings.DATABASE_RUNTIME_ROLE})
        for table, detail in cursor.fetchall():
            yield Finding(Code.GUARD_FAULT, f"{table}: {detail}")
    for fault in sealer.sequence_faults():
        yield Finding(Code.GUARD_FAULT, fault)
