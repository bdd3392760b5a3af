"""Conversion of records: the fields of one record become a Row, or errors with column, code and sentence. Pure.

The way of a good row is a tight loop without allocation of errors; only a row that fails is walked again, step by step, so
that all its errors are told at once.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from accounts.limits import (
    CODE_CHARACTERS_MAX,
    METADATA_KEY_CHARACTERS_MAX,
    METADATA_KEYS_MAX,
    METADATA_VALUE_CHARACTERS_MAX,
)
from ledger.limits import DESCRIPTION_CHARACTERS_MAX, EFFECTIVE_AHEAD_MAX, KEY_CHARACTERS_MAX
from massops.limits import REMEMBERED_TEXTS_MAX
from massops.rows.amounts import CellError, amount_reader, moment_reader, negated
from massops.rows.mapping import Amount, Cell, Mapping, MappingError, cells
from massops.rows.records import Record, RowError

Fields = Sequence[str]
Text = Callable[[Fields], str]
_plain_code = re.compile(r"[A-Za-z0-9:._-]{1,128}", re.ASCII).fullmatch
_plain_unit = re.compile(r"[A-Z0-9][A-Z0-9_.-]{0,31}", re.ASCII).fullmatch


class Row(NamedTuple):
    """One row that reads well. `amount` is text in the ledger's form; with `to_account`, account pays and to_account gets it.

    `metadata` is a JSON object, sorted by name. `key` is empty where the file has none: then the row's number is its key.
    """

    key: str
    account: str
    to_account: str | None
    amount: str
    unit: str | None
    effective_at: str | None
    description: str | None
    metadata: str | None


class Converter:
    """Made once for a file: resolves the columns of its header. Raises MappingError where the header lacks one."""

    def __init__(self, mapping: Mapping, header: Sequence[str] | None, *, received_at: datetime) -> None:
        self._header = header
        self._latest = (received_at + EFFECTIVE_AHEAD_MAX).isoformat().replace("+00:00", "Z")
        self._codes: set[str] = set()
        self._steps: list[tuple[str, Callable[[Fields], object]]] = []
        self._key = self._step("key", self._key_of(mapping))
        pays = ("account", mapping.account) if mapping.account else ("from", mapping.from_account)
        self._account = self._step(self._label(*pays), self._code_of(pays[1]))
        receives = mapping.to_account
        self._to_account = self._step(self._label("to", receives), self._code_of(receives)) if receives else None
        label = mapping.amount.column or mapping.amount.debit_column or mapping.amount.credit_column or "amount"
        self._amount = self._step(label, self._amount_of(mapping.amount))
        optional = {name: self._optional(name, cell, mapping) for name, cell in cells(mapping)}
        self._unit, self._effective_at = optional.get("unit"), optional.get("effective_at")
        self._description = optional.get("description")
        self._metadata = self._metadata_of(mapping)

    def convert(self, fields: Fields) -> Row:
        """Return the row of a record's fields. Raises CellError; errors() then tells all that is wrong."""
        return Row(
            self._key(fields),
            self._account(fields),
            self._to_account(fields) if self._to_account else None,
            self._amount(fields),
            self._unit(fields) if self._unit else None,
            self._effective_at(fields) if self._effective_at else None,
            self._description(fields) if self._description else None,
            self._metadata(fields) if self._metadata else None,
        )

    def errors(self, fields: Fields, row: int, line: int) -> list[RowError]:
        """Return everything that is wrong with a record's fields."""
        found = []
        for column, step in self._steps:
            try:
                step(fields)
            except CellError as error:
                found.append(RowError(row, line, column, error.code, str(error)))
        return found

    # --- columns -------------------------------------------------------------------------------------------------

    def _step(self, column: str, read: Callable[[Fields], str]) -> Callable[[Fields], str]:
        self._steps.append((column, read))
        return read

    def _place(self, column: str) -> int:
        """The place of a column: by its name in the header, or by its number where there is none."""
        if self._header is None:
            if column.isdecimal() and int(column) > 0:
                return int(column) - 1
            raise MappingError(
                "column_missing", f"Without a header a column is a number, not {column!r}.", column=column
            )
        places = [place for place, name in enumerate(self._header) if name.strip() == column.strip()]
        if not places:
            raise MappingError("column_missing", f"The column {column!r} is missing.", column=column)
        if len(places) > 1:
            raise MappingError("column_twice", f"There are {len(places)} columns {column!r}.", column=column)
        return places[0]

    def _label(self, name: str, cell: Cell | None) -> str:
        return (cell.column if cell else None) or name

    def _text(self, cell: Cell) -> Text:
        prefix = cell.prefix
        if cell.column is None:
            fixed = prefix + (cell.constant or "")
            return lambda _fields: fixed
        place = self._place(cell.column)
        if not prefix:
            return lambda fields: fields[place].strip()

        def prefixed(fields: Fields) -> str:
            text = fields[place].strip()
            return prefix + text if text else ""

        return prefixed

    def _key_of(self, mapping: Mapping) -> Text:
        if not mapping.key:
            return lambda _fields: ""
        places = [self._place(column) for column in mapping.key]
        prefix, joint, first = mapping.key_prefix, mapping.key_joint, places[0]

        def joined(fields: Fields) -> str:
            parts = [fields[place].strip() for place in places]
            if not all(parts):
                raise CellError("key_missing", "A column of the key is empty.")
            return _check_key(prefix + joint.join(parts))

        def single(fields: Fields) -> str:
            text = fields[first].strip()
            if not text:
                raise CellError("key_missing", "The key is empty.")
            return _check_key(prefix + text)

        return joined if len(places) > 1 else single

    def _code_of(self, cell: Cell | None) -> Text:
        text_of, codes = self._text(cell or Cell(constant="")), self._codes

        def code(fields: Fields) -> str:
            text = text_of(fields)
            if text not in codes:
                _check_code(text)
                if len(codes) < REMEMBERED_TEXTS_MAX:
                    codes.add(text)
            return text

        return code

    def _amount_of(self, how: Amount) -> Text:
        read = amount_reader(how)
        if how.column is None:
            return self._of_two_columns(how, read)
        place = self._place(how.column)
        if how.sign_column is None:
            return lambda fields: read(fields[place])
        sign_place, negative, positive = (
            self._place(how.sign_column),
            set(how.negative_values),
            set(how.positive_values),
        )

        def signed(fields: Fields) -> str:
            sign = fields[sign_place].strip()
            if sign in negative:
                return negated(read(fields[place]))
            if positive and sign not in positive:
                raise CellError("sign_unknown", f"{sign[:40]!r} says neither plus nor minus in the mapping.")
            return read(fields[place])

        return signed

    def _of_two_columns(self, how: Amount, read: Callable[[str], str]) -> Text:
        debit = self._place(how.debit_column) if how.debit_column else None
        credit = self._place(how.credit_column) if how.credit_column else None

        def amount(fields: Fields) -> str:
            minus = fields[debit].strip() if debit is not None else ""
            plus = fields[credit].strip() if credit is not None else ""
            if minus and plus:
                raise CellError("amount_twice", "Debit and credit are both filled.")
            return read(plus) if plus or not minus else negated(read(minus))

        return amount

    def _optional(self, name: str, cell: Cell, mapping: Mapping) -> Callable[[Fields], str | None] | None:
        if name in {"unit", "description"}:
            text_of = self._text(cell)
            check = _check_unit if name == "unit" else _check_description

            def optional(fields: Fields) -> str | None:
                text = text_of(fields)
                return check(text) if text else None

            self._steps.append((self._label(name, cell), optional))
            return optional
        if name != "effective_at":
            return None
        text_of, read, latest = self._text(cell), moment_reader(mapping.date_format, mapping.time_zone), self._latest

        def moment(fields: Fields) -> str | None:
            found = read(text_of(fields))
            if found is not None and found > latest:
                raise CellError("effective_ahead", "The effective time is at most 24 hours ahead.")
            return found

        self._steps.append((self._label(name, cell), moment))
        return moment

    def _metadata_of(self, mapping: Mapping) -> Callable[[Fields], str | None] | None:
        if not mapping.metadata:
            return None
        if len(mapping.metadata) > METADATA_KEYS_MAX:
            raise MappingError("mapping_invalid", f"Metadata has at most {METADATA_KEYS_MAX} members.")
        for name in mapping.metadata:
            if not 0 < len(name) <= METADATA_KEY_CHARACTERS_MAX or not name.isprintable():
                detail = f"A metadata name has 1 to {METADATA_KEY_CHARACTERS_MAX} printable characters."
                raise MappingError("mapping_invalid", detail, column=name)
        texts = [(name, self._text(cell)) for name, cell in sorted(mapping.metadata.items())]

        def metadata(fields: Fields) -> str | None:
            found = {name: text for name, text_of in texts if (text := text_of(fields))}
            if any(len(text) > METADATA_VALUE_CHARACTERS_MAX for text in found.values()):
                limit = METADATA_VALUE_CHARACTERS_MAX
                raise CellError("metadata_invalid", f"A metadata value has at most {limit} characters.")
            return json.dumps(found, ensure_ascii=False, separators=(",", ":")) if found else None

        self._steps.append(("metadata", metadata))
        return metadata


def convert_records(
    records: Iterator[Record], converter: Converter, columns: int | None
) -> Iterator[tuple[int, int, Row | list[RowError]]]:
    """Yield (row number, line, row or errors) of every record; `columns` is how many the header has (None: any).

    Row numbers count every record after the header, also those that cannot be read. Row 0 is an error of the whole file.
    """
    convert = converter.convert
    number = 0
    for line, fields, error in records:
        if error is not None:
            if error.row == 0:
                yield 0, line, [error]
                return
            number += 1
            yield number, line, [error._replace(row=number)]
            continue
        number += 1
        if columns is not None and len(fields) != columns:
            sentence = f"The row has {len(fields)} columns, the header has {columns}."
            yield number, line, [RowError(number, line, "", "column_count", sentence)]
            continue
        try:
            yield number, line, convert(fields)
        except CellError:
            yield number, line, converter.errors(fields, number, line)
        except IndexError:
            sentence = f"The row has {len(fields)} columns, and the mapping names one beyond."
            yield number, line, [RowError(number, line, "", "column_count", sentence)]


def _check_key(text: str) -> str:
    if len(text) > KEY_CHARACTERS_MAX or not text.isprintable():
        raise CellError("key_invalid", f"A key has 1 to {KEY_CHARACTERS_MAX} printable characters.")
    return text


def _check_code(text: str) -> None:
    if _plain_code(text):
        return
    if not text:
        raise CellError("account_missing", "There is no account.")
    if len(text) > CODE_CHARACTERS_MAX or not all(
        character in ":._-" or unicodedata.category(character)[0] in "LMN" for character in text
    ):
        raise CellError("account_invalid", f"{text[:40]!r} is not an account code.")


def _check_unit(text: str) -> str:
    if not _plain_unit(text):
        raise CellError("unit_invalid", f"{text[:40]!r} is not the code of a unit.")
    return text


def _check_description(text: str) -> str:
    if len(text) > DESCRIPTION_CHARACTERS_MAX:
        raise CellError("description_too_long", f"A description has at most {DESCRIPTION_CHARACTERS_MAX} characters.")
    return text
