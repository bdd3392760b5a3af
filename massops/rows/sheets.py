"""Records of an XLSX file: rows of one sheet as text, streamed, with limits against files made to explode.

A number in a sheet is a double. Its shortest decimal form is what a person wrote; one with more than 15 digits was computed,
and no amount is made of it. Numbers and dates are written as the mapping reads them. What a sheet hides from a reader of
values (a formula without a result, cells merged with others) is an error of its row.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, NamedTuple

from massops.limits import (
    CHUNK_BYTES,
    COLUMNS_MAX,
    SHEET_MEMBERS_MAX,
    SHEET_MERGED_MAX,
    SHEET_NUMBER_DIGITS_MAX,
    SHEET_RATIO_BYTES,
    SHEET_RATIO_MAX,
    SHEET_TEXTS_BYTES_MAX,
)
from massops.limits import SHEET_UNPACKED_BYTES_MAX as UNPACKED_MAX
from massops.rows.mapping import Mapping
from massops.rows.records import Record, RowError

ZIP_START = b"PK\x03\x04"
_TEXTS = "xl/sharedStrings.xml"
# What the reader of workbooks raises for one that is broken, or that was packed in a way that it does not know.
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, KeyError, ValueError, OSError, SyntaxError, EOFError),
    *(AttributeError, TypeError, IndexError, RuntimeError),
)
_ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA", "#SPILL!", "#CALC!"}
_formula = re.compile(rb"<(?:\w+:)?f[\s>/]").search
_merged = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*ref="[A-Z]+([0-9]+):[A-Z]+([0-9]+)"').finditer
# Longer than any tag that is searched for, which may lie across two pieces.
_OVERLAP = 256


class _Scan(NamedTuple):
    """What the cells of a sheet do not tell: whether there are formulas, and which rows have merged cells, from and to."""

    has_formulas: bool
    merged: list[tuple[int, int]]


def is_sheet(start: bytes) -> bool:
    """Whether a file that begins so is a ZIP, as XLSX is."""
    return start.startswith(ZIP_START)


def read_sheet(path: Path, mapping: Mapping) -> Iterator[Record]:
    """Yield the records of a sheet (the first visible one unless named), beginning with the header's; empty rows are left out.

    Rows have as many fields as the first at least. Hidden rows and columns are read like all others.
    """
    if (defect := _explosive(path)) is not None:
        yield _whole(defect)
        return
    try:
        book = _workbook(path)
    except _UNREADABLE as error:
        yield _whole(f"The file is not a readable XLSX workbook: {error}.")
        return
    try:
        chosen = _chosen(book, mapping.sheet)
        if chosen is None:
            yield _whole(f"There is no sheet {mapping.sheet!r}; there are {', '.join(book.sheetnames)[:200]}.")
            return
        yield from _records(path, chosen, mapping)
    except _UNREADABLE as error:
        yield _whole(f"From here on the sheet cannot be read: {error}.")
    finally:
        book.close()


def sheets_left_out(path: Path, sheet: str) -> tuple[str, list[str]]:
    """Return the name of the sheet that is read, and of those that are not; empty for a file that cannot be read."""
    try:
        book = _workbook(path)
    except _UNREADABLE:
        return "", []
    chosen = _chosen(book, sheet)
    book.close()
    return ("", []) if chosen is None else (chosen.title, [name for name in book.sheetnames if name != chosen.title])


def _workbook(path: Path, *, formulas: bool = False) -> Any:
    """Open a workbook; its cells are values, or formulas where there are any. Raises one of _UNREADABLE."""
    import openpyxl  # noqa: PLC0415 - it takes 5 MB of each process that knows this module, and few read a sheet
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415 - as above

    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=not formulas, keep_links=False)
    except InvalidFileException as error:
        raise ValueError(str(error)) from error


def _chosen(book: Any, sheet: str) -> Any:
    """The sheet of this name, or the first that a person sees; None where there is none."""
    sheets = [one for one in book.worksheets if (one.title == sheet if sheet else one.sheet_state == "visible")]
    return next(iter(sheets), None)


def _records(path: Path, chosen: Any, mapping: Mapping) -> Iterator[Record]:
    scan = _scan(path, chosen._worksheet_path)  # noqa: SLF001 - openpyxl has no public name for it
    if len(scan.merged) > SHEET_MERGED_MAX:
        yield _whole(f"The sheet has more than {SHEET_MERGED_MAX} merged cells; save it as CSV.")
        return
    first, width = max(1, mapping.header_row), 0
    formulas = _formulas(path, chosen.title, first) if scan.has_formulas else None
    chosen.reset_dimensions()  # what the file says of its size may be wrong
    for line, cells in enumerate(chosen.iter_rows(min_row=first, values_only=True), first):
        used = _used(cells)
        written = next(formulas, ()) if formulas is not None else ()
        used = max(used, _used(written))
        if not used:
            continue
        if used > COLUMNS_MAX:
            yield _bad(line, "too_many_columns", f"A record has at most {COLUMNS_MAX} columns.")
            continue
        if any(low <= line <= high for low, high in scan.merged):
            yield _bad(line, "cell_merged", "The row has cells that are merged with others; split them in the sheet.")
            continue
        width = width or used
        try:
            _refuse_without_result(cells, written)
            fields = [_text(cell, mapping) for cell in cells[:used]]
        except ValueError as error:
            yield _bad(line, "cell_invalid", str(error))
        else:
            yield Record(line, fields + [""] * (max(width, used) - len(fields)))


def _used(cells: tuple[Any, ...]) -> int:
    """How many cells there are up to the last that is not empty."""
    used = len(cells)
    while used and (cells[used - 1] is None or (isinstance(cells[used - 1], str) and not cells[used - 1].strip())):
        used -= 1
    return used


def _formulas(path: Path, title: str, first: int) -> Iterator[tuple[Any, ...]]:
    """The same rows with formulas in place of their results."""
    book = _workbook(path, formulas=True)
    sheet = book[title]
    sheet.reset_dimensions()
    yield from sheet.iter_rows(min_row=first, values_only=True)
    book.close()


def _refuse_without_result(cells: tuple[Any, ...], written: tuple[Any, ...]) -> None:
    for place, formula in enumerate(written):
        if formula is not None and (place >= len(cells) or cells[place] is None):
            raise ValueError("A formula has no stored result; open the workbook in a spreadsheet program and save it.")


def _text(cell: Any, mapping: Mapping) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        if "\0" in cell:
            raise ValueError("A cell has a NUL character in it.")
        if cell in _ERRORS:
            raise ValueError(f"A formula failed: {cell}")
        return cell
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, int | float):
        return _number(cell).replace(".", mapping.amount.decimal)
    if isinstance(cell, datetime | date | time):
        return _moment(cell, mapping.date_format)
    raise ValueError(f"A cell holds something that is neither text nor number nor date: {type(cell).__name__}.")


def _moment(value: datetime | date | time, date_format: str) -> str:
    """As the mapping reads it, unless its form would lose something of it."""
    if date_format != "iso" and isinstance(value, datetime):
        text = value.strftime(date_format)
        try:
            if datetime.strptime(text, date_format) == value:  # noqa: DTZ007 - a cell has no zone
                return text
        except ValueError:
            pass  # a form that cannot be read back: told as ISO, which no row of such a mapping accepts
    return value.isoformat().removesuffix("T00:00:00")


def _number(value: float) -> str:
    if isinstance(value, int) or value.is_integer():
        if abs(value) < 10**SHEET_NUMBER_DIGITS_MAX:
            return str(int(value))
        raise ValueError(f"The number {value} is beyond what a sheet holds exactly; write it as text.")
    text = repr(value)
    if "e" in text or "n" in text:
        raise ValueError(f"The number {text} is beyond what a sheet holds exactly; write it as text.")
    if sum(character.isdigit() for character in text) > SHEET_NUMBER_DIGITS_MAX + text.startswith(("0.", "-0.")):
        raise ValueError(f"The number {text} was computed and has no exact decimal form; round it in the sheet.")
    return text


def _scan(path: Path, member: str) -> _Scan:
    has_formulas, merged, rest = False, [], b""
    with zipfile.ZipFile(path) as packed, packed.open(member.removeprefix("/")) as stream:
        while data := stream.read(CHUNK_BYTES):
            piece = rest + data
            has_formulas = has_formulas or _formula(piece) is not None
            # What ends in the rest was found in the piece before.
            merged += [(int(found[1]), int(found[2])) for found in _merged(piece) if found.end() > len(rest)]
            if len(merged) > SHEET_MERGED_MAX:
                break
            rest = piece[-_OVERLAP:]
    return _Scan(has_formulas, merged)


def _explosive(path: Path) -> str | None:
    """What speaks against unpacking the file, or None."""
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        return f"The file is not a readable XLSX workbook: {error}."
    unpacked, size = sum(member.file_size for member in members), path.stat().st_size
    is_bomb = unpacked > SHEET_RATIO_BYTES and unpacked > size * SHEET_RATIO_MAX
    if len(members) > SHEET_MEMBERS_MAX or unpacked > UNPACKED_MAX or is_bomb:
        return "The workbook unpacks to more than is allowed."
    if any(member.filename == _TEXTS and member.file_size > SHEET_TEXTS_BYTES_MAX for member in members):
        return "The workbook holds more text than is allowed; save the sheet as CSV."
    return None


def _bad(line: int, code: str, sentence: str) -> Record:
    return Record(line, [], RowError(-1, line, "", code, sentence))


def _whole(sentence: str) -> Record:
    return Record(1, [], RowError(0, 1, "", "sheet_unreadable", sentence))
