"""The list of operations in the panel: filters that combine, pages by position, a bounded look where no index helps."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Book
from accounts.queries import facts_by_code
from ledger import queries, reports
from ledger.admin import shown
from ledger.admin.fields import ReferenceField, choice_field, day_field, midnight, query_with, sources, text_field
from ledger.contracts import ACCEPTED, Kind, PostedEntry, Refusal
from ledger.limits import ENTRIES_LISTED_MAX, ENTRIES_PROBED_MAX, OPERATIONS_LOOKED_MAX, OPERATIONS_SHOWN
from ledger.models import Operation
from ledger.queries import ID_MAX, OperationFilter, Window


class OperationForm(forms.Form):
    """Which operations; days are recorded days in UTC."""

    book = choice_field("Book")
    since = day_field("From")
    through = day_field("Through")
    account = text_field("Account", "exact code", length=128)
    outcome = choice_field("Outcome", ("", "any"), (ACCEPTED, ACCEPTED), *((str(code), str(code)) for code in Refusal))
    kind = choice_field("Kind", ("", "any"), *((str(kind), str(kind)) for kind in Kind))
    source = choice_field("Source")
    key = text_field("Key", "exact")
    reference = ReferenceField()

    def __init__(self, data: Any, *, books: list[tuple[int, str]]) -> None:
        super().__init__(data, auto_id="filter_%s")
        self._books = {name: number for number, name in books}
        self.fields["book"].choices = [(name, name) for _, name in books]  # type: ignore[attr-defined]
        self.fields["source"].choices = sources(self.data.get("source", ""))  # type: ignore[attr-defined]
        self.book_id = books[0][0]
        if len(books) == 1:
            del self.fields["book"]

    @property
    def book_name(self) -> str:
        """The book that is shown."""
        return next(name for name, number in self._books.items() if number == self.book_id)

    @property
    def chosen(self) -> bool:
        """Whether anything is filtered beside the book."""
        return any(self.data.get(name) for name in self.fields if name != "book")

    def clean(self) -> dict[str, Any]:
        """Find the book and the account's id."""
        told: dict[str, Any] = super().clean() or {}
        self.book_id = self._books.get(told.get("book", ""), self.book_id)
        if code := told.get("account"):
            facts = facts_by_code(book_id=self.book_id, codes=[code]).get(code)
            if facts is None:
                raise forms.ValidationError(f"There is no account {code} in this book.")
            told["account_id"] = facts.id
        return told

    def filter(self) -> OperationFilter:
        """The filter of a form without errors; `through` is a whole day."""
        told = self.cleaned_data
        return OperationFilter(
            source_id=int(told["source"]) if told["source"] else None,
            key=told["key"] or None,
            outcome=told["outcome"] or None,
            kind=told["kind"] or None,
            since=midnight(told["since"]) if told["since"] else None,
            until=midnight(told["through"] + timedelta(days=1)) if told["through"] else None,
            metadata=told["reference"],
            account_id=told.get("account_id"),
        )


def context(request: HttpRequest) -> dict[str, Any]:
    """What the template shows. Costs a fixed number of queries, each of a bounded size."""
    form = OperationForm(request.GET, books=list(Book.objects.order_by("id").values_list("id", "name")))
    operations: list[dict[str, Any]] = []
    position = None
    if form.is_valid():
        operations, position = _page(request, form)
    return {
        "title": "Operations",
        "form": form,
        "book": form.book_name,
        "operations": operations,
        "older": query_with(request, cursor=position) if position is not None else None,
        "newest": query_with(request, cursor=None) if request.GET.get("cursor") else None,
        "csv": reverse("admin:ledger_operation_export") + query_with(request, cursor=None, format="csv"),
        "xlsx": reverse("admin:ledger_operation_export") + query_with(request, cursor=None, format="xlsx"),
    }


def _page(request: HttpRequest, form: OperationForm) -> tuple[list[dict[str, Any]], int | None]:
    """One page, and the position of the next, None at the end."""
    text = request.GET.get("cursor", "")
    position = int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(ID_MAX)) else 0
    ids, older = find(form, Window(before=position or ID_MAX, rows=OPERATIONS_SHOWN))
    return _rows(form.book_id, ids), older


def find(form: OperationForm, window: Window) -> tuple[list[int], int | None]:
    """Return the ids of up to a window's rows of a valid form's operations, newest first, and where to go on, None at the end.

    Fewer than a window's rows with a position: it has looked through as many as looked_max says, and there are more.
    """
    where = form.filter()
    floor = _look_until(form.book_id, where, window)
    found = queries.operation_positions(book_id=form.book_id, where=where, window=replace(window, after=floor))
    stopped = floor + 1 if floor > 0 else None
    older = found[-1][1] if len(found) == window.rows else stopped
    return [operation_id for operation_id, _ in found], older


def looked_max(where: OperationFilter) -> int | None:
    """Through how many operations (with an account: entries of it) one page looks; None where an index knows them all."""
    if where.key is not None:
        return None
    if where.by_entry:
        only_account = where.source_id is None and where.kind is None and where.metadata is None
        return None if only_account else ENTRIES_PROBED_MAX
    indexed = where.account_id is not None or (where.source_id is None and where.kind is None)
    return None if indexed else OPERATIONS_LOOKED_MAX


def _look_until(book_id: int, where: OperationFilter, window: Window) -> int:
    """The position at which this page stops looking: where only looking tells, so many back; else the beginning."""
    looked = looked_max(where)
    if looked is None:
        return 0
    if where.by_entry:
        until = reports.entry_looked_until(
            book_id=book_id, account_id=where.account_id or 0, before=_entries_before(where, window), entries=looked
        )
        return max(until - 1, 0)
    newest = window.before if window.before < ID_MAX else reports.newest_operation_id() + 1
    if where.until is not None:
        newest = min(newest, reports.ids_of_period(since=where.since, until=where.until).operation_before)
    return max(newest - looked, 0)


def _entries_before(where: OperationFilter, window: Window) -> int:
    """Where the entries of the period end."""
    if where.until is None:
        return window.before
    return min(window.before, reports.ids_of_period(since=where.since, until=where.until).entry_before)


def _rows(book_id: int, ids: list[int]) -> list[dict[str, Any]]:
    operations = queries.operations_by_id(book_id=book_id, ids=ids)
    listed = [number for number in ids if _count(operations[number]) <= ENTRIES_LISTED_MAX]
    entries = queries.entries_of(book_id=book_id, operation_ids=listed)
    return [_row(operations[number], entries.get(number, [])) for number in ids]


def _count(operation: Operation) -> int:
    """At most how many entries: ids of one operation may have gaps, never others' entries of the same call in between."""
    if operation.entry_first is None or operation.entry_last is None:
        return 0
    return int(operation.entry_last - operation.entry_first + 1)


def _row(operation: Operation, entries: list[PostedEntry]) -> dict[str, Any]:
    return {
        "id": operation.id,
        "url": shown.operation_url(operation.id),
        "recorded": shown.moment(operation.recorded_at),
        "source": operation.source.name,
        "key": operation.key,
        "reversal": operation.kind == Kind.REVERSAL,
        "outcome": shown.outcome_badge(operation.outcome),
        "entries": [entry_parts(entry) for entry in entries],
        "count": _count(operation),
    }


def entry_parts(entry: PostedEntry) -> dict[str, Any]:
    """An entry for a template: its account as a link and its amount with the unit."""
    account = entry.account
    return {
        "id": entry.id,
        "account": shown.account_link(account.id, account.code),
        "amount": shown.amount(entry.amount_minor, account.exponent, account.unit),
    }
