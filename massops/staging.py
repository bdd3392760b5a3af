"""Staging: the rows of a mass operation into its unlogged tables by COPY, in bounded transactions.

Where the rows come from does not matter here: a file, or the rows of a mass operation that is to be reversed. Errors of
reading go to RowProblem in the same stride. Each COPY is a transaction of its own, so that none holds back marks.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from django.db import connection

from massops.limits import STAGE_ROWS
from massops.rows.records import RowError
from metrics.repository import observed

# row, line, key, account, to_account, amount, unit, effective_at, description, metadata, reverses
Staged = tuple[int, int, str, str, str | None, str, str | None, str | None, str | None, str | None, int | None]
_COPY_ROWS = (
    'COPY massops_staged_row (mass_operation_id, "row", line, key, account, to_account, amount, unit, effective_at,'
    " description, metadata, reverses) FROM STDIN"
)
_COPY_PROBLEMS = (
    'COPY massops_rowproblem (mass_operation_id, "row", line, "column", code, sentence, by_check) FROM STDIN'
)
_special = re.compile(r"[\\\b\f\n\r\t\v]").search
_ESCAPES = str.maketrans({"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"})


@observed(repository="mass_operations")
def open_tables(*, mass_operation_id: int) -> None:
    """Make empty staging tables, in place of those that may be there."""
    _call("SELECT public.massops_open_staging_v1(%s)", mass_operation_id)


@observed(repository="mass_operations")
def close_tables(*, mass_operation_id: int) -> None:
    """Index what was staged; from now on it is complete."""
    _call("SELECT public.massops_close_staging_v1(%s)", mass_operation_id)


@observed(repository="mass_operations")
def drop_tables(*, mass_operation_id: int) -> None:
    """Forget what was staged."""
    _call("SELECT public.massops_drop_staging_v1(%s)", mass_operation_id)


@observed(repository="mass_operations")
def is_complete(*, mass_operation_id: int, rows_expected: int) -> bool:
    """Whether the staged rows are there: the index is made last, and a crash of the server leaves the table empty."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f"public.massops_staged_row_{mass_operation_id}_row",))
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(
            "SELECT EXISTS (SELECT FROM massops_staged_row WHERE mass_operation_id = %s)", [mass_operation_id]
        )
        return bool(cursor.fetchone()[0]) or not rows_expected


@observed(repository="mass_operations")
def fill(
    *,
    mass_operation_id: int,
    items: Iterable[Staged | list[RowError]],
    told: Callable[[int], object],
    with_problems: bool,
) -> tuple[int, bool]:
    """Copy rows and errors; return how many rows were read, and whether the file could be read to its end.

    `told` is called with the rows so far after every block; what it raises stops the work. Without `with_problems`
    errors are only counted: they are stored already.
    """
    source, read, readable = iter(items), 0, True
    prefix = f"{mass_operation_id}\t"
    while block := list(islice(source, STAGE_ROWS)):
        rows, problems = [], []
        for item in block:
            if isinstance(item, list):
                readable = readable and item[0].row != 0
                problems += [prefix + _problem(error) for error in item]
            else:
                rows.append(prefix + _line(item))
        _copy(_COPY_ROWS, rows)
        if with_problems:
            _copy(_COPY_PROBLEMS, problems)
        read += len(block)
        told(read)
    return read, readable


def batches_of(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield first and last row number of each range of rows, 1 to total."""
    return ((first, min(first + size - 1, total)) for first in range(1, total + 1, size))


def _line(item: Staged) -> str:
    row, line, key, account, to_account, amount, unit, effective_at, description, metadata, reverses = item
    if "\\" in key:
        key = key.translate(_ESCAPES)
    return (
        f"{row}\t{line}\t{key}\t{account}\t{to_account or NULL}\t{amount}\t{unit or NULL}\t{effective_at or NULL}\t"
        f"{NULL if description is None else _text(description)}\t{NULL if metadata is None else _text(metadata)}\t"
        f"{reverses or NULL}\n"
    )


NULL = "\\N"


def _text(text: str) -> str:
    return text.translate(_ESCAPES) if _special(text) else text


def _problem(error: RowError) -> str:
    return f"{error.row}\t{error.line}\t{_text(error.column)}\t{error.code}\t{_text(error.sentence)}\tf\n"


def _copy(statement: str, lines: list[str]) -> None:
    if not lines:
        return
    with connection.cursor() as cursor, connection.wrap_database_errors:
        raw: Any = cursor.cursor
        with raw.copy(statement) as copy:
            copy.write("".join(lines))


def _call(statement: str, mass_operation_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, (mass_operation_id,))
