"""Reference data from files: units and accounts, with a preview before anything is stored (django-import-export).

A row is judged here and told with its sentence; accounts are opened by accounts.opening, in the person's name, all rows or none.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from import_export import fields, resources

from accounts.limits import NAME_CHARACTERS_MAX, OPEN_BATCH_ROWS_MAX
from accounts.models import Account, Book, Unit
from accounts.money import AmountError, ScaleError, check_amount, format_amount, parse_amount
from accounts.opening import OPENED_SENTENCES, NewAccount, Opened, is_account_code, open_accounts
from security.reference_import import FileRefused


class UnitResource(resources.ModelResource):  # type: ignore[misc]  # the library has no types
    """Units by code. A unit that is there with the same exponent is left alone; another exponent is refused."""

    class Meta:
        model = Unit
        fields = ("code", "exponent", "name")
        import_id_fields = ("code",)
        clean_model_instances = True
        skip_unchanged = True
        report_skipped = True

    def before_import(self, dataset: Any, **_options: Any) -> None:
        """A file of reference data is short."""
        check_rows(dataset)

    def after_import(self, _dataset: Any, _result: Any, **_options: Any) -> None:
        """Not the library's own: it would set the sequence of ids, which only the owner of the tables may."""

    def skip_row(self, instance: Any, original: Any, _row: Any, import_validation_errors: Any = None) -> bool:  # noqa: ARG002
        """A unit never changes: one that is there is left as it is, or refused."""
        if original.pk is None:
            return False
        if instance.exponent != original.exponent:
            raise ValidationError(
                f"The unit {original.code} has {original.exponent} decimals; they can never be changed."
            )
        return True


class AccountResource(resources.ModelResource):  # type: ignore[misc]  # the library has no types
    """Accounts by code, opened as a batch in the name of the person. An account that is there must have the same attributes."""

    book = fields.Field(column_name="book", attribute="book__name")
    code = fields.Field(column_name="code", attribute="code")
    unit = fields.Field(column_name="unit", attribute="unit__code")
    name = fields.Field(column_name="name", attribute="name")
    floor = fields.Field(column_name="floor")
    metadata = fields.Field(column_name="metadata")

    class Meta:
        model = Account
        fields = ("book", "code", "unit", "name", "floor", "metadata")
        import_id_fields = ("code",)
        use_transactions = True

    def __init__(self, *, source_id: int | None = None, **more: Any) -> None:
        super().__init__(**more)
        self._source_id = source_id
        self._new: list[tuple[Book, NewAccount]] = []

    def before_import(self, dataset: Any, **_options: Any) -> None:
        """Read once what every row needs."""
        check_rows(dataset)
        self._new = []
        self._books = {book.name: book for book in Book.objects.order_by("id")}
        self._units = {unit.code: unit for unit in Unit.objects.all()}

    def get_instance(self, _loader: Any, _row: Any) -> None:
        """Each row is an account to open; whether it is there, opening tells."""

    def import_instance(self, instance: Account, row: Mapping[str, Any], **_options: Any) -> None:
        """Judge one row and remember what it opens. Raises ValidationError."""
        book = self._books.get(_text(row, "book") or next(iter(self._books)))
        unit = self._units.get(_text(row, "unit"))
        if book is None:
            raise ValidationError({"book": "There is no such book."})
        if unit is None:
            raise ValidationError({"unit": OPENED_SENTENCES[Opened.UNIT_UNKNOWN]})
        new = NewAccount(_code(row), unit.code, _name(row), _metadata(row), _floor(row, unit.exponent))
        if any(known.code == new.code and of.id == book.id for of, known in self._new):
            raise ValidationError({"code": "This code stands in the file twice."})
        self._new.append((book, new))
        instance.book, instance.unit, instance.code, instance.name = book, unit, new.code, new.name
        instance.floor, instance.metadata = new.floor_minor, dict(new.metadata)

    def do_instance_save(self, _instance: Account, _is_create: bool) -> None:  # noqa: FBT001 - the library's signature
        """Nothing yet: all rows are opened at once, below."""

    def after_import(self, _dataset: Any, _result: Any, **_options: Any) -> None:
        """Open all accounts; of a preview the library takes it back. Raises FileRefused: then none is opened."""
        by_book: dict[int, list[NewAccount]] = {}
        for book, new in self._new:
            by_book.setdefault(book.id, []).append(new)
        for book_id, accounts in by_book.items():
            opened = open_accounts(book_id=book_id, source_id=self._source_id or 0, accounts=accounts)
            for new, outcome in zip(accounts, opened, strict=True):
                if outcome is Opened.ACCOUNT_EXISTS:
                    raise FileRefused(f"{new.code}: {OPENED_SENTENCES[outcome]}")

    def dehydrate_floor(self, account: Account) -> str:
        """In the unit's scale."""
        return "" if account.floor is None else format_amount(int(account.floor), account.unit.exponent)

    def dehydrate_metadata(self, account: Account) -> str:
        """As a document."""
        return json.dumps(account.metadata, ensure_ascii=False) if account.metadata else ""


def check_rows(dataset: Any) -> None:
    """Raise FileRefused for a file with more rows than one import takes."""
    if len(dataset) > OPEN_BATCH_ROWS_MAX:
        raise FileRefused(f"A file of reference data has at most {OPEN_BATCH_ROWS_MAX:,} rows.")


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip()


def _code(row: Mapping[str, Any]) -> str:
    if not is_account_code(code := _text(row, "code")):
        raise ValidationError({"code": "A code has 1 to 128 letters, digits and : . _ - only."})
    return code


def _name(row: Mapping[str, Any]) -> str:
    if len(name := _text(row, "name")) > NAME_CHARACTERS_MAX or "\0" in name:
        raise ValidationError({"name": f"A name has at most {NAME_CHARACTERS_MAX} characters."})
    return name


def _floor(row: Mapping[str, Any], exponent: int) -> int | None:
    if not (text := _text(row, "floor")):
        return None
    try:
        check_amount(text.replace("0", "1"))  # the form of an amount; zero is a fine floor
        return parse_amount(text, exponent)
    except (AmountError, ScaleError) as error:
        raise ValidationError({"floor": str(error)}) from error


def _metadata(row: Mapping[str, Any]) -> dict[str, str]:
    if not (text := _text(row, "metadata")):
        return {}
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValidationError({"metadata": "Metadata is a JSON object."}) from error
    if not isinstance(document, dict) or not all(
        isinstance(value, str) and "\0" not in value for value in document.values()
    ):
        raise ValidationError({"metadata": "Metadata is a JSON object of texts."})
    return document
