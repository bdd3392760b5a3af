"""Results as CSV: every row with its outcome and operation, and the errors beside the original columns. Streamed.

The ledger is the record of outcomes: they are looked up by key when the file is asked for, so they are always true.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from ledger import queries
from ledger.contracts import ACCEPTED
from massops import files, sources
from massops.limits import RESULT_ROWS
from massops.models import Kind, MassOperation, RowProblem
from massops.rows.formulas import safe_cell
from massops.rows.reading import records_of

RESULT_COLUMNS = ("line", "key", "outcome", "operation", "code", "message")
ERROR_COLUMNS = ("line", "column", "code", "message")
_REPLAYED = "It was posted before, under the same key."


class _Echo:
    """A file that gives back what is written."""

    def write(self, text: str) -> str:
        return text


def as_csv(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield CSV in UTF-8, in pieces, with cells that no spreadsheet takes for formulas."""
    writer = csv.writer(_Echo())
    source = iter(rows)
    while block := list(islice(source, RESULT_ROWS)):
        yield "".join(writer.writerow([safe_cell(cell) for cell in row]) for row in block).encode()


def results(mass_operation: MassOperation) -> Iterator[tuple[str, ...]]:
    """Yield the header, then each row; outcomes are posted, replayed, refused, invalid, and waiting for what is still to come."""
    yield RESULT_COLUMNS
    with sources.items_of(mass_operation) as items:
        number = 0
        while block := list(islice(items, RESULT_ROWS)):
            first = number + 1
            number += len(block)
            yield from _results_of(mass_operation, block, _problems(mass_operation, first, number))


def _results_of(
    mass_operation: MassOperation, block: Sequence[sources.Item], problems: dict[int, list[RowProblem]]
) -> Iterator[tuple[str, ...]]:
    good = [item for item in block if not isinstance(item, list)]
    keys = [item[2] for item in good]
    found = queries.outcomes_of_keys(book_id=mass_operation.book_id, source_id=mass_operation.source_id, keys=keys)
    outcomes = {item[0]: outcome for item, outcome in zip(good, found, strict=True)}
    own = sources.credential_of(mass_operation.id)
    for item in block:
        if isinstance(item, list):
            for error in item:
                yield (str(error.line), "", "invalid", "", error.code, error.sentence)
            continue
        row, line, key = item[:3]
        if errors := problems.get(row):
            for problem in errors:
                yield (str(line), key, "invalid", "", problem.code, problem.sentence)
            continue
        yield (str(line), key, *_told(outcomes[row], own))


def _told(outcome: queries.Outcome | None, own: str) -> tuple[str, str, str, str]:
    if outcome is None:
        return ("waiting", "", "", "")
    operation = str(outcome.operation_id)
    if outcome.credential != own:
        return ("replayed", operation, "" if outcome.outcome == ACCEPTED else outcome.outcome, _REPLAYED)
    if outcome.outcome == ACCEPTED:
        return ("posted", operation, "", "")
    return ("refused", operation, outcome.outcome, "")


def errors(mass_operation: MassOperation) -> Iterator[tuple[str, ...]]:
    """Yield the header, then every error: the file's own columns, then line, column, code and message."""
    if mass_operation.kind == Kind.REVERSAL:
        yield ERROR_COLUMNS
        for problem in RowProblem.objects.filter(mass_operation=mass_operation).order_by("row", "id").iterator():
            yield _told_problem(problem)
        return
    file = files.file_of(mass_operation)
    with files.opened(file) as source:
        records = records_of(source, sources.mapping_in_use(mass_operation))
        first = next(records, None)
        has_header = mass_operation.mapping is None or mass_operation.mapping.get("header_row", 1) != 0
        fields = list(first.fields) if first is not None else []
        # Without a header a column is its number, as in the mapping.
        header = fields if has_header else [str(place) for place in range(1, len(fields) + 1)]
        yield (*header, *ERROR_COLUMNS)
        for problem in RowProblem.objects.filter(mass_operation=mass_operation, row=0):
            yield (*[""] * len(header), *_told_problem(problem))
        if first is not None and not has_header:
            yield from _errors_of(mass_operation, [fields], 0, len(header))
        number = 0 if has_header else 1
        while block := [record.fields for record in islice(records, RESULT_ROWS)]:
            yield from _errors_of(mass_operation, block, number, len(header))
            number += len(block)


def _errors_of(
    mass_operation: MassOperation, block: Sequence[list[str]], before: int, columns: int
) -> Iterator[tuple[str, ...]]:
    problems = _problems(mass_operation, before + 1, before + len(block))
    for number in sorted(problems):
        own = _fitted(block[number - before - 1], columns)
        for problem in problems[number]:
            yield (*own, *_told_problem(problem))


def _fitted(fields: list[str], columns: int) -> list[str]:
    """As many cells as there are columns; what a row has beyond stands in its last one."""
    if len(fields) <= columns or not columns:
        return [*fields, *[""] * (columns - len(fields))]
    return [*fields[: columns - 1], " | ".join(fields[columns - 1 :])]


def _problems(mass_operation: MassOperation, first: int, last: int) -> dict[int, list[RowProblem]]:
    found: defaultdict[int, list[RowProblem]] = defaultdict(list)
    rows = RowProblem.objects.filter(mass_operation=mass_operation, row__gte=first, row__lte=last)
    for problem in rows.order_by("row", "id"):
        found[problem.row].append(problem)
    return found


def _told_problem(problem: RowProblem) -> tuple[str, ...]:
    return (str(problem.line), problem.column, problem.code, problem.sentence)
