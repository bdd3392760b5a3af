"""Exports: a table as CSV or XLSX, streamed, exactly the rows that were asked for. Text that a spreadsheet would run is defused.

A cell is text, an `Amount` or None. Amounts are written by us from whole minor units, so they can only be numbers. Everything
else comes from strangers: in CSV a text that a spreadsheet takes for a formula gets an apostrophe before it; in XLSX the
cell is typed as text.
"""

import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from django.forms import Form
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from accounts.money import format_amount
from ledger.limits import EXPORT_ROWS_MAX, XLSX_ROWS_MAX
from security.formulas import defused

_TEXT_CHARACTERS_MAX = 32_767  # of one cell of a spreadsheet
_DIGITS_EXACT = 15  # a spreadsheet's numbers have 64 bits; longer amounts are written as text, so that no digit is lost
_PIECE_BYTES = 64 * 1024
_unwritable = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # XML 1.0 has no way to write these
TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


class Amount(NamedTuple):
    """Minor units and the unit's exponent."""

    minor: int
    exponent: int


Cell = str | Amount | None


def export(*, name: str, kind: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> HttpResponseBase:
    """Return the answer with a file `name.csv` or `name.xlsx`; beyond the limit of rows the last line says so."""
    limit = XLSX_ROWS_MAX if kind == "xlsx" else EXPORT_ROWS_MAX
    bounded = _bounded(rows, limit)
    pieces = _xlsx(header, bounded) if kind == "xlsx" else _csv(header, bounded)
    answer = StreamingHttpResponse(pieces, content_type=TYPES[kind])
    safe = "".join(
        character if character.isascii() and (character.isalnum() or character in "-_.") else "_" for character in name
    )
    answer["Content-Disposition"] = f'attachment; filename="{safe}.{kind}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def refusal(form: Form, kind: str) -> HttpResponse | None:
    """Return 400 with the sentences of the form, or about the kind of file; None where the file can be made."""
    if form.is_valid() and kind in TYPES:
        return None
    sentences = [str(error) for errors in form.errors.values() for error in errors] or ["The format is csv or xlsx."]
    return HttpResponse(" ".join(sentences), status=400, content_type="text/plain; charset=utf-8")


def _bounded(rows: Iterable[Sequence[Cell]], limit: int) -> Iterator[Sequence[Cell]]:
    for number, row in enumerate(rows):
        if number == limit:
            yield [f"The export ends here, after {limit:,} rows; narrow the filters for the rest."]
            return
        yield row


def _csv(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    yield b"\xef\xbb\xbf"  # spreadsheets read UTF-8 only where the file begins with its mark
    for row in rows:
        writer.writerow([_csv_cell(cell) for cell in row])
        if buffer.tell() > _PIECE_BYTES:
            yield buffer.getvalue().encode("utf-8", "replace")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode("utf-8", "replace")


def _csv_cell(cell: Cell) -> str:
    if isinstance(cell, Amount):
        return format_amount(cell.minor, cell.exponent)
    return "" if cell is None else defused(cell)


def _xlsx(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """The library writes row by row into a temporary file, so the memory does not grow with the rows."""
    import openpyxl.cell  # noqa: PLC0415 - it takes 5 MB of a web process, and most never write a workbook

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Export")
    sheet.freeze_panes = "A2"
    new = partial(openpyxl.cell.WriteOnlyCell, sheet)
    sheet.append([_xlsx_cell(new, text) for text in header])
    for row in rows:
        sheet.append([_xlsx_cell(new, cell) for cell in row])
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _xlsx_cell(new: Callable[[Any], Any], cell: Cell) -> Any:
    if cell is None:
        return None
    if isinstance(cell, Amount):
        text = format_amount(cell.minor, cell.exponent)
        if len(str(abs(cell.minor))) <= _DIGITS_EXACT:
            number = new(Decimal(text))
            number.number_format = "#,##0" + ("." + "0" * cell.exponent if cell.exponent else "")
            return number
    else:
        text = _unwritable.sub("\ufffd", cell)[:_TEXT_CHARACTERS_MAX]
    written = new(text)
    written.data_type = "s"  # never a formula, whatever it begins with
    written.style = "Normal"
    return written
