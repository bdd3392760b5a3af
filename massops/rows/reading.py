"""Reading a whole file: header, mapping, rows. The one entrance of this package for those who have a stream. Pure."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from massops.rows.convert import Converter, Row, convert_records
from massops.rows.mapping import Mapping, MappingError, of_template
from massops.rows.records import Record, RowError, read_records
from massops.rows.sheets import read_sheet

Item = tuple[int, int, Row | list[RowError]]


class Reading(NamedTuple):
    """A file being read: its header (None without one), the mapping in use, and the items (row, line, row or errors)."""

    header: list[str] | None
    mapping: Mapping | None
    items: Iterator[Item]


def records_of(source: BinaryIO | Path, mapping: Mapping | None) -> Iterator[Record]:
    """Yield the records of a file, beginning with its header: a stream is CSV, a path is XLSX."""
    how = mapping or Mapping()
    if isinstance(source, Path):
        return read_sheet(source, how)
    return read_records(source, encoding=how.encoding, separator=how.separator, header_row=how.header_row)


def read_rows(source: BinaryIO | Path, mapping: Mapping | None, *, received_at: datetime) -> Reading:
    """Read a file with a mapping, or as the template where there is none.

    What is wrong with the file as a whole (its header, its mapping) is an item of row 0, and no row follows.
    """
    records = records_of(source, mapping)
    first = next(records, None)
    if first is None:
        return _failed(None, 1, "no_rows", "The file is empty.")
    if first.error is not None and (first.error.row == 0 or mapping is None or mapping.header_row):
        return _failed(None, first.line, first.error.code, first.error.sentence)
    header = None if mapping is not None and mapping.header_row == 0 else [name.strip() for name in first.fields]
    if header is None:
        records = chain([first], records)
    try:
        used = mapping or of_template(header or [])
        converter = Converter(used, header, received_at=received_at)
    except MappingError as error:
        return _failed(header, first.line, error.code, str(error), column=error.column)
    columns = None if header is None else len(header)
    return Reading(header, used, convert_records(records, converter, columns))


def _failed(header: list[str] | None, line: int, code: str, sentence: str, *, column: str = "") -> Reading:
    return Reading(header, None, iter([(0, line, [RowError(0, line, column, code, sentence)])]))
