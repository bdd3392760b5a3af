"""Records of a CSV file: from a stream of bytes to (line, fields), one at a time, in strict RFC 4180 with four separators.

The line is the physical one on which the record begins, also with line breaks inside quotes. What cannot be read is an
error of its record, never silence: the records after it are read on. Memory is bounded by RECORD_CHARACTERS_MAX.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from massops.limits import COLUMNS_MAX, RECORD_CHARACTERS_MAX
from massops.rows.mapping import SEPARATORS

SEPARATORS_TRIED = ",;\t|"
# The header is judged by so much of it.
SNIFFED_CHARACTERS = 64 * 1024


class RowError(NamedTuple):
    """One thing wrong with a row: its number (0: the file as a whole), its line, the column, a code and a sentence."""

    row: int
    line: int
    column: str
    code: str
    sentence: str


class Record(NamedTuple):
    """One record: the physical line on which it begins, and its fields; `error` instead of fields that cannot be read."""

    line: int
    fields: list[str]
    error: RowError | None = None


class _Defect(ValueError):  # noqa: N818 - the word of this module
    """A line that cannot be read: code and sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def encoding_of(start: bytes, encoding: str) -> str:
    """Return the codec of a file that begins so; a byte-order mark wins over what was said, but not over `utf-16`."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not start.startswith(codecs.BOM_UTF32_LE):
        return "utf-16"
    if encoding == "utf-16":
        return "utf-16-le"
    if start.startswith(codecs.BOM_UTF8) or encoding in {"auto", "utf-8"}:
        return "utf-8-sig"
    return encoding


def separator_of(line: str) -> str:
    """Return the separator that a header line has most of, outside quotes."""
    plain = "".join(part for place, part in enumerate(line.split('"')) if place % 2 == 0)
    return max(SEPARATORS_TRIED, key=plain.count)


def read_records(stream: BinaryIO, *, encoding: str, separator: str, header_row: int) -> Iterator[Record]:
    """Yield the records of a stream, beginning with the header's; blank lines are left out.

    `separator` is a name of SEPARATORS or `auto`. Lines above the header are not looked at.
    """
    start = stream.read(4)
    codec = encoding_of(start, encoding)
    errors = "strict" if codec.startswith("utf-16") else "surrogateescape"
    lines = _Lines(io.TextIOWrapper(_Rejoined(start, stream), codec, errors=errors, newline=""))  # type: ignore[arg-type]  # it reads
    try:
        for _ in range(header_row - 1):
            if not lines.skip():
                return
        delimiter = separator_of(lines.peek()) if separator == "auto" else SEPARATORS[separator]
        yield from _records(lines, delimiter)
    except UnicodeDecodeError as error:
        sentence = f"From here on the file is not {error.encoding}: choose its encoding."
        yield _failed(lines.number + 1, "encoding", sentence, fatal=True)


def _records(lines: "_Lines", delimiter: str) -> Iterator[Record]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        before = lines.number
        try:
            fields = next(reader)
        except StopIteration:
            return
        except _Defect as error:
            yield _failed(lines.number, error.code, str(error))
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        except csv.Error as error:
            until = f" to {lines.number}" if lines.number > before + 1 else ""
            sentence = f"The record of line {before + 1}{until} is not CSV: {_csv_reason(str(error))}."
            yield _failed(before + 1, "csv_syntax", sentence)
            continue
        if not any(fields):  # a blank line, or what a spreadsheet leaves below its rows
            continue
        if len(fields) > COLUMNS_MAX:
            yield _failed(before + 1, "too_many_columns", f"A record has at most {COLUMNS_MAX} columns.")
            continue
        yield Record(before + 1, fields)


def _failed(line: int, code: str, sentence: str, *, fatal: bool = False) -> Record:
    return Record(line, [], RowError(0 if fatal else -1, line, "", code, sentence))


def _csv_reason(text: str) -> str:
    if "unexpected end" in text:
        return "the file ends inside quotation marks"
    if "expected after" in text:
        return "text follows a closing quotation mark"
    if "field larger" in text:
        return "a quotation mark is opened and never closed"
    return text


class _Rejoined(io.RawIOBase):
    """What was read already, and then the rest."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start = start
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        """Return some bytes, as TextIOWrapper asks."""
        if self._start:
            start, self._start = self._start, b""
            return start
        return self._rest.read(size)

    read = read1


class _Lines:
    """Lines of the text with their line breaks, counted; a line that no record may contain raises _Defect."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._peeked: str | None = None
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._peeked
        if line is None:
            line = self._text.readline(RECORD_CHARACTERS_MAX)
        else:
            self._peeked = None
        if not line:
            raise StopIteration
        self.number += 1
        if not line.isascii():
            _check_decoded(line)
        if "\0" in line:
            raise _Defect("nul", "The line has a NUL byte in it.")
        if len(line) == RECORD_CHARACTERS_MAX and line[-1] not in "\r\n":
            self._drop_rest()
            raise _Defect("line_too_long", f"A line has at most {RECORD_CHARACTERS_MAX} characters.")
        return line

    def skip(self) -> bool:
        """Leave one line out, whatever is in it; False at the end of the file."""
        line = self._text.readline(RECORD_CHARACTERS_MAX)
        if len(line) == RECORD_CHARACTERS_MAX and line[-1] not in "\r\n":
            self._drop_rest()
        self.number += 1
        return bool(line)

    def peek(self) -> str:
        """Return the next line without taking it."""
        if self._peeked is None:
            self._peeked = self._text.readline(RECORD_CHARACTERS_MAX)
        return self._peeked

    def _drop_rest(self) -> None:
        while (more := self._text.readline(RECORD_CHARACTERS_MAX)) and more[-1] not in "\r\n":
            pass


def _check_decoded(line: str) -> None:
    try:
        line.encode()
    except UnicodeEncodeError:
        raise _Defect("encoding", "The line has bytes that are not of the file's encoding.") from None
