"""A mapping: how the columns of a stranger's file become keys, accounts and amounts. Saved by name, stored with each use.

Without a mapping the file has the columns of the template: `account, amount` or `from, to, amount`, optionally `key`,
`unit`, `effective_at`, `description` and `metadata.NAME`.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from massops.limits import HEADER_ROW_MAX

ENCODINGS = ("auto", "utf-8", "utf-16", "cp1250", "cp1251", "cp1252", "iso-8859-1", "iso-8859-2", "iso-8859-15")
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
PLAIN_COLUMNS = ("key", "account", "from", "to", "amount", "unit", "effective_at", "description")
METADATA_PREFIX = "metadata."
TEMPLATES = {
    "entries": ("key", "account", "amount", "effective_at", "description", "metadata.reference"),
    "transfers": ("key", "from", "to", "amount", "effective_at", "description", "metadata.reference"),
}


class MappingError(ValueError):
    """The mapping contradicts itself or the file's header; `code` and a sentence."""

    def __init__(self, code: str, sentence: str, *, column: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.column = column


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One text: of a column, or always the same; with a prefix."""

    column: str | None = None
    constant: str | None = None
    prefix: str = ""


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the amount stands and how it is written.

    Either one column, optionally with a second one that tells the sign, or a column for each direction, of which just
    one is filled: debits count as decrements.
    """

    column: str | None = "amount"
    debit_column: str | None = None
    credit_column: str | None = None
    sign_column: str | None = None
    negative_values: tuple[str, ...] = ()
    positive_values: tuple[str, ...] = ()
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    brackets_negative: bool = False
    negate: bool = False


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A whole mapping; `key` names the columns that make up the key, none for the number of the row."""

    encoding: str = "auto"
    separator: Literal["auto", "comma", "semicolon", "tab", "bar"] = "auto"
    header_row: int = 1
    key: tuple[str, ...] = ()
    key_joint: str = "-"
    key_prefix: str = ""
    account: Cell | None = None
    from_account: Cell | None = None
    to_account: Cell | None = None
    amount: Amount = Amount()
    unit: Cell | None = None
    effective_at: Cell | None = None
    date_format: str = "iso"
    time_zone: str = "UTC"
    description: Cell | None = None
    metadata: dict[str, Cell] = {}
    sheet: str = ""


_decoder = msgspec.json.Decoder(Mapping)


def read_mapping(document: bytes | str) -> Mapping:
    """Return the mapping of a JSON document. Raises MappingError."""
    try:
        mapping = _decoder.decode(document)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MappingError("mapping_invalid", f"The mapping cannot be read: {error}.") from error
    check(mapping)
    return mapping


def check(mapping: Mapping) -> None:
    """Raise MappingError for a mapping that contradicts itself."""
    amount = mapping.amount
    if mapping.encoding not in ENCODINGS:
        raise MappingError("mapping_invalid", f"The encoding is one of {', '.join(ENCODINGS)}.")
    if not 0 <= mapping.header_row <= HEADER_ROW_MAX:
        raise MappingError("mapping_invalid", f"The header stands in line 1 to {HEADER_ROW_MAX}; 0 means none.")
    if (mapping.account is None) == (mapping.from_account is None):
        raise MappingError("mapping_invalid", "A mapping names either an account, or both from and to.")
    if (mapping.from_account is None) != (mapping.to_account is None):
        raise MappingError("mapping_invalid", "From and to belong together.")
    if (amount.column is None) == (amount.debit_column is None and amount.credit_column is None):
        raise MappingError("mapping_invalid", "The amount is in one column, or in one for debits and one for credits.")
    if amount.sign_column is not None and not (amount.negative_values and amount.column):
        raise MappingError("mapping_invalid", "A sign column needs an amount column and the values that mean minus.")
    if amount.decimal == amount.thousands:
        raise MappingError("mapping_invalid", "The decimal mark and the thousands mark must differ.")
    for name, cell in cells(mapping):
        if (cell.column is None) == (cell.constant is None):
            raise MappingError("mapping_invalid", f"{name} is taken from a column, or is always the same text.")


def cells(mapping: Mapping) -> list[tuple[str, Cell]]:
    """Return every cell of a mapping with its name."""
    named = {
        "account": mapping.account,
        "from": mapping.from_account,
        "to": mapping.to_account,
        "unit": mapping.unit,
        "effective_at": mapping.effective_at,
        "description": mapping.description,
        **{f"{METADATA_PREFIX}{name}": cell for name, cell in mapping.metadata.items()},
    }
    return [(name, cell) for name, cell in named.items() if cell is not None]


def of_template(header: Sequence[str]) -> Mapping:
    """Return the mapping of a file that has the template's columns. Raises MappingError for any other column."""
    for name in header:
        if name not in PLAIN_COLUMNS and not name.startswith(METADATA_PREFIX):
            detail = f"There is no column {name!r} in the template; a mapping says what a stranger's columns mean."
            raise MappingError("column_unknown", detail, column=name)
    for name in (*(("from", "to") if "from" in header or "to" in header else ("account",)), "amount"):
        if name not in header:
            raise MappingError("column_missing", f"The column {name!r} is missing.", column=name)
    if "account" in header and "from" in header:
        raise MappingError("column_unknown", "A file has the column account, or from and to.", column="account")

    def cell(name: str) -> Cell | None:
        return Cell(column=name) if name in header else None

    return Mapping(
        key=("key",) if "key" in header else (),
        account=cell("account"),
        from_account=cell("from"),
        to_account=cell("to"),
        unit=cell("unit"),
        effective_at=cell("effective_at"),
        description=cell("description"),
        metadata={
            name.removeprefix(METADATA_PREFIX): Cell(column=name) for name in header if name.startswith(METADATA_PREFIX)
        },
    )
