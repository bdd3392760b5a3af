"""Records of an XLSX file: rows of one sheet as text, streamed, with limits against files made to explode.

A number in a sheet is a double. Its shortest decimal form is what a person wrote; one with more than 15 digits was computed,
and no amount is made of it.
"""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from massops.limits import COLUMNS_MAX, SHEET_MEMBERS_MAX, SHEET_NUMBER_DIGITS_MAX, SHEET_TEXTS_BYTES_MAX
from massops.limits import SHEET_UNPACKED_BYTES_MAX as UNPACKED_MAX
from massops.rows.records import Record, RowError

ZIP_START = b"PK\x03\x04"
_TEXTS = "xl/sharedStrings.xml"


def is_sheet(start: bytes) -> bool:
    """Whether a file that begins so is a ZIP, as XLSX is."""
    return start.startswith(ZIP_START)


def read_sheet(path: Path, *, sheet: str, header_row: int) -> Iterator[Record]:
    """Yield the records of a sheet (the first unless named), beginning with the header's; empty rows are left out."""
    if (defect := _explosive(path)) is not None:
        yield _whole(defect)
        return
    try:
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError, SyntaxError) as error:
        yield _whole(f"The file is not a readable XLSX workbook: {error}.")
        return
    try:
        if sheet and sheet not in book.sheetnames:
            yield _whole(f"There is no sheet {sheet!r}; there are {', '.join(book.sheetnames)[:200]}.")
            return
        chosen: Any = book[sheet] if sheet else book.worksheets[0]
        chosen.reset_dimensions()  # what the file says of its size may be wrong
        first = max(1, header_row)
        for line, cells in enumerate(chosen.iter_rows(min_row=first, values_only=True), first):
            yield from _record(line, cells)
    except (zipfile.BadZipFile, ValueError, KeyError, SyntaxError, EOFError) as error:
        yield _whole(f"From here on the sheet cannot be read: {error}.")
    finally:
        book.close()


def _record(line: int, cells: tuple[Any, ...]) -> Iterator[Record]:
    used = len(cells)
    while used and cells[used - 1] is None:
        used -= 1
    if not used:
        return
    if used > COLUMNS_MAX:
        sentence = f"A record has at most {COLUMNS_MAX} columns."
        yield Record(line, [], RowError(-1, line, "", "too_many_columns", sentence))
        return
    try:
        yield Record(line, [_text(cell) for cell in cells])
    except ValueError as error:
        yield Record(line, [], RowError(-1, line, "", "cell_invalid", str(error)))


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        if "\0" in cell:
            raise ValueError("A cell has a NUL character in it.")
        return cell
    if isinstance(cell, bool | int):
        return str(cell).upper()
    if isinstance(cell, float):
        return _number(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat().removesuffix("T00:00:00")
    raise ValueError(f"A cell holds something that is neither text nor number nor date: {type(cell).__name__}.")


def _number(value: float) -> str:
    text = repr(value)
    if "e" in text or "n" in text:
        if value.is_integer() and abs(value) < 10**SHEET_NUMBER_DIGITS_MAX:
            return str(int(value))
        raise ValueError(f"The number {text} is beyond what a sheet holds exactly; write it as text.")
    text = text.removesuffix(".0")
    if sum(character.isdigit() for character in text) > SHEET_NUMBER_DIGITS_MAX + text.startswith(("0.", "-0.")):
        raise ValueError(f"The number {text} was computed and has no exact decimal form; round it in the sheet.")
    return text


def _explosive(path: Path) -> str | None:
    """What speaks against unpacking the file, or None."""
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        return f"The file is not a readable XLSX workbook: {error}."
    if len(members) > SHEET_MEMBERS_MAX or sum(member.file_size for member in members) > UNPACKED_MAX:
        return "The workbook unpacks to more than is allowed."
    if any(member.filename == _TEXTS and member.file_size > SHEET_TEXTS_BYTES_MAX for member in members):
        return "The workbook holds more text than is allowed; save the sheet as CSV."
    return None


def _whole(sentence: str) -> Record:
    return Record(1, [], RowError(0, 1, "", "sheet_unreadable", sentence))
