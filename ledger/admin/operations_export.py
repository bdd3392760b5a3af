"""The list of operations as a file: the same filters as the list, one line for each entry, one for an operation without any."""

import json
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponseBase

from accounts.models import Book
from ledger import queries
from ledger.admin import exports
from ledger.admin.exports import Amount, Cell
from ledger.admin.operations_page import OperationForm, find, looked_max
from ledger.limits import EXPORT_LOOKS_MAX, EXPORT_OPERATIONS_PER_READ
from ledger.messages import description_of
from ledger.models import Operation
from ledger.queries import ID_MAX, Window

HEADER = (
    *("operation", "recorded_at", "effective_at", "source", "key", "kind", "outcome", "description", "metadata"),
    *("entry", "account", "amount", "unit"),
)


def export_operations(request: HttpRequest) -> HttpResponseBase:
    """The file, or 400 with the sentences of the form."""
    form = OperationForm(request.GET, books=list(Book.objects.order_by("id").values_list("id", "name")))
    kind = request.GET.get("format", "csv")
    if refusal := exports.refusal(form, kind):
        return refusal
    return exports.export(name="operations", kind=kind, header=HEADER, rows=_rows(form))


def _rows(form: OperationForm) -> Iterator[list[Cell]]:
    """The lines, newest operation first. Where no index helps, the look ends after so many steps, and the last line says so."""
    position: int | None = ID_MAX
    looks = 0
    while position is not None:
        if looks == EXPORT_LOOKS_MAX:
            looked = looks * (looked_max(form.filter()) or 0)
            yield [f"The export ends here, after a look through {looked:,} operations; narrow the period for the rest."]
            return
        ids, position = find(form, Window(before=position, rows=EXPORT_OPERATIONS_PER_READ))
        looks += len(ids) < EXPORT_OPERATIONS_PER_READ
        operations = queries.operations_by_id(book_id=form.book_id, ids=ids)
        entries = queries.entries_of(book_id=form.book_id, operation_ids=ids)
        for number in ids:
            said = _operation(operations[number])
            for entry in entries.get(number, []):
                account = entry.account
                amount = Amount(entry.amount_minor, account.exponent)
                yield [*said, str(entry.id), account.code, amount, account.unit]
            if number not in entries:
                yield [*said, None, None, None, None]


def _operation(operation: Operation) -> list[Cell]:
    return [
        str(operation.id),
        operation.recorded_at.isoformat(),
        operation.effective_at.isoformat(),
        operation.source.name,
        operation.key,
        operation.kind,
        operation.outcome,
        description_of(bytes(operation.message)),
        json.dumps(operation.metadata, ensure_ascii=False) if operation.metadata else None,
    ]
