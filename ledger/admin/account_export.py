"""An account's history as a file: the same filters as its page, all rows instead of one page."""

import json
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponseBase

from accounts.models import Account
from ledger.admin import exports
from ledger.admin.account_page import window_of
from ledger.admin.exports import Amount, Cell
from ledger.admin.history_form import HistoryForm
from ledger.limits import EXPORT_ROWS_PER_READ
from ledger.queries import Window
from ledger.reports import HistoryFilter, every_entry
from security.models import Source

HEADER = (
    *("entry", "operation", "recorded_at", "effective_at", "source", "key", "kind", "description", "metadata"),
    *("account", "amount", "unit", "balance"),
)


def export_history(request: HttpRequest, account: Account) -> HttpResponseBase:
    """The file, or 400 with the sentences of the form."""
    form = HistoryForm(request.GET, exponent=account.unit.exponent)
    kind = request.GET.get("format", "csv")
    if refusal := exports.refusal(form, kind):
        return refusal
    window = window_of(request, rows=EXPORT_ROWS_PER_READ)
    return exports.export(
        name=f"history-{account.code}", kind=kind, header=HEADER, rows=_rows(account, form.filter(), window)
    )


def _rows(account: Account, where: HistoryFilter, window: Window) -> Iterator[list[Cell]]:
    names: dict[int, str] = dict(Source.objects.values_list("id", "name"))
    exponent = account.unit.exponent
    for row in every_entry(book_id=account.book_id, account_id=account.id, where=where, window=window):
        yield [
            str(row.entry_id),
            str(row.operation_id),
            row.recorded_at.isoformat(),
            row.effective_at.isoformat(),
            names.get(row.source_id, str(row.source_id)),
            row.key,
            row.kind,
            row.description,
            json.dumps(row.metadata, ensure_ascii=False) if row.metadata else None,
            account.code,
            Amount(row.amount_minor, exponent),
            account.unit.code,
            Amount(row.balance_minor, exponent),
        ]
