"""The form of a mapping: flat fields for a person, a Mapping for the reader of rows."""

from typing import Any

import msgspec
from django import forms

from massops.rows.mapping import ENCODINGS, SEPARATORS, Amount, Cell, Mapping, MappingError, check

_INPUT = {"class": "pn-input"}
_COLUMN = {"class": "pn-input", "list": "columns", "autocomplete": "off"}
_CELLS = ("account", "from_account", "to_account", "unit", "effective_at", "description")
_FORMATS = ("iso", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%y%m%d")


def _column(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=200, help_text=help_text, widget=forms.TextInput(_COLUMN)
    )


def _plain(label: str, help_text: str = "", **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=200, help_text=help_text, widget=forms.TextInput(_INPUT), **options
    )


def _choice(label: str, choices: Any) -> forms.ChoiceField:
    pairs = [one if isinstance(one, tuple) else (one, one) for one in choices]
    return forms.ChoiceField(label=label, choices=pairs, widget=forms.Select(_INPUT))


class MappingForm(forms.Form):
    """What the columns of a file mean."""

    encoding = _choice("Encoding", ENCODINGS)
    separator = _choice("Separator", ("auto", *SEPARATORS))
    header_row = forms.IntegerField(
        label="Line of the header",
        min_value=0,
        widget=forms.NumberInput(_INPUT),
        help_text="0: there is none, columns are numbers.",
    )
    sheet = _plain("Sheet of a workbook", "Empty: the first visible one.")
    key = _column("Key: columns", "Several are joined: TransNo; Seq no. Empty: the number of the row.")
    key_prefix = _plain("Key: prefix")
    account_column = _column("Account: column")
    account_constant = _plain("Account: always")
    account_prefix = _plain("Account: prefix", "supplier: makes supplier:42 of 42.")
    from_account_column = _column("From: column", "Of a transfer; leave the account empty then.")
    from_account_constant = _plain("From: always")
    from_account_prefix = _plain("From: prefix")
    to_account_column = _column("To: column")
    to_account_constant = _plain("To: always")
    to_account_prefix = _plain("To: prefix")
    amount_column = _column("Amount: column")
    debit_column = _column("Amount: column of debits", "They count as decrements.")
    credit_column = _column("Amount: column of credits")
    sign_column = _column("Amount: column that tells the sign")
    negative_values = _plain("Values that mean minus", "Several: VYDAJ; VYBER")
    positive_values = _plain("Values that mean plus", "Empty: all others.")
    decimal = _choice("Decimal mark", ((".", "point"), (",", "comma")))
    thousands = forms.ChoiceField(
        label="Thousands mark",
        required=False,
        choices=[("", "none"), (",", "comma"), (".", "point"), (" ", "blank"), ("'", "apostrophe")],
        widget=forms.Select(_INPUT),
    )
    brackets_negative = forms.BooleanField(label="(12.50) means minus", required=False)
    negate = forms.BooleanField(label="Turn the sign round", required=False)
    unit_column = _column("Unit: column")
    unit_constant = _plain("Unit: always")
    effective_at_column = _column("Effective at: column")
    date_format = _choice("Form of dates", _FORMATS)
    time_zone = _plain("Time zone of dates")
    description_column = _column("Description: column")
    metadata = forms.CharField(
        label="Metadata",
        required=False,
        widget=forms.Textarea({"class": "pn-input", "rows": 2}),
        help_text="One a line: reference = Invoice No",
    )

    def clean(self) -> dict[str, Any]:
        """Put the mapping together; what contradicts itself is an error of the form."""
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            cleaned["mapping"] = _mapping_of(cleaned)
            check(cleaned["mapping"])
        except MappingError as error:
            raise forms.ValidationError(str(error)) from error
        return cleaned


def initial_of(mapping: Mapping) -> dict[str, Any]:
    """Return the initial data of the form for a mapping."""
    plain: dict[str, Any] = msgspec.structs.asdict(mapping)
    amount = msgspec.structs.asdict(mapping.amount)
    data = {
        name: plain[name]
        for name in ("encoding", "separator", "header_row", "sheet", "key_prefix", "date_format", "time_zone")
    }
    data |= {name: amount[name] for name in ("debit_column", "credit_column", "sign_column", "decimal", "thousands")}
    data |= {
        "brackets_negative": amount["brackets_negative"],
        "negate": amount["negate"],
        "amount_column": amount["column"],
    }
    data |= {"key": "; ".join(mapping.key), "negative_values": "; ".join(amount["negative_values"])}
    data["positive_values"] = "; ".join(amount["positive_values"])
    for name in _CELLS:
        cell: Cell = plain[name] or Cell()
        data |= {f"{name}_column": cell.column, f"{name}_constant": cell.constant, f"{name}_prefix": cell.prefix}
    data["metadata"] = "\n".join(f"{name} = {cell.column}" for name, cell in mapping.metadata.items())
    return data


def _mapping_of(data: dict[str, Any]) -> Mapping:
    amount = Amount(
        column=data["amount_column"] or None,
        debit_column=data["debit_column"] or None,
        credit_column=data["credit_column"] or None,
        sign_column=data["sign_column"] or None,
        negative_values=_several(data["negative_values"]),
        positive_values=_several(data["positive_values"]),
        decimal=data["decimal"],
        thousands=data["thousands"],
        brackets_negative=data["brackets_negative"],
        negate=data["negate"],
    )
    return Mapping(
        encoding=data["encoding"],
        separator=data["separator"],
        header_row=data["header_row"],
        sheet=data["sheet"],
        key=_several(data["key"]),
        key_prefix=data["key_prefix"],
        amount=amount,
        date_format=data["date_format"],
        time_zone=data["time_zone"] or "UTC",
        metadata=_metadata(data["metadata"]),
        account=_cell(data, "account"),
        from_account=_cell(data, "from_account"),
        to_account=_cell(data, "to_account"),
        unit=_cell(data, "unit"),
        effective_at=_cell(data, "effective_at"),
        description=_cell(data, "description"),
    )


def _cell(data: dict[str, Any], name: str) -> Cell | None:
    column, constant = data.get(f"{name}_column") or None, data.get(f"{name}_constant") or None
    if column is None and constant is None:
        return None
    return Cell(column=column, constant=constant, prefix=data.get(f"{name}_prefix") or "")


def _several(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _metadata(text: str) -> dict[str, Cell]:
    found = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, mark, column = line.partition("=")
        if not mark or not name.strip() or not column.strip():
            raise MappingError("mapping_invalid", f"Metadata is written as NAME = COLUMN, not {line[:40]!r}.")
        found[name.strip()] = Cell(column=column.strip())
    return found
