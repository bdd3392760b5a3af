"""Operations, entries and marks in the panel: the routes; what the pages show is in operations_page.py and operation_page.py."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.safestring import SafeString

from accounts.admin import BookFilter, InBookAdmin
from accounts.models import Account, Book
from appendonly.admin import ReadOnlyAdmin
from ledger.admin import operation_page, operations_page, receipt_page, shown
from ledger.admin.acts import require
from ledger.admin.operation_acts import correct_view, reverse_view
from ledger.models import Entry, Mark, Operation


@admin.register(Operation)
class OperationAdmin(InBookAdmin):
    """Operations: found by anything that a message says, each with all that is known of it."""

    list_select_related = ("source", "book")

    def changelist_view(self, request: HttpRequest, _extra_context: Any = None) -> HttpResponse:
        """The list."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, "panel/operations.html", operations_page.context(request))

    def change_view(
        self, request: HttpRequest, object_id: str, _form_url: str = "", _extra_context: Any = None
    ) -> HttpResponse:
        """The page of one operation."""
        return self._page(
            request, "panel/operation.html", operation_page.context(request, self._operation(request, object_id))
        )

    def receipt_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The receipt of one operation, as a page or as a file."""
        operation = self._operation(request, object_id)
        if "download" in request.GET:
            return receipt_page.download(operation)
        return self._page(request, "panel/receipt.html", receipt_page.context(request, operation))

    def reverse_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Reverse one operation."""
        require(request, operation_page.POST)
        return reverse_view(request, self._operation(request, object_id), site=self.admin_site, opts=self.opts)

    def correct_view(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        """Post a correction, of one operation or of the books."""
        require(request, operation_page.POST)
        operation = None if object_id is None else self._operation(request, object_id)
        book_id = operation.book_id if operation else _book_id(request)
        return correct_view(
            request, book_id=book_id, operation=operation, account=None, site=self.admin_site, opts=self.opts
        )

    def get_urls(self) -> list[Any]:
        """With the acts."""
        view = self.admin_site.admin_view
        return [
            path("correct/", view(self.correct_view), name="ledger_operation_new"),
            path("<path:object_id>/correct/", view(self.correct_view), name="ledger_operation_correct"),
            path("<path:object_id>/receipt/", view(self.receipt_view), name="ledger_operation_receipt"),
            path("<path:object_id>/reverse/", view(self.reverse_view), name="ledger_operation_reverse"),
            *super().get_urls(),
        ]

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        return TemplateResponse(
            request, template, {**self.admin_site.each_context(request), "opts": self.opts, **context}
        )

    def _operation(self, request: HttpRequest, object_id: str) -> Operation:
        operation: Operation | None = self.get_object(request, object_id)
        if operation is None:
            raise Http404
        if not self.has_view_permission(request, operation):
            raise PermissionDenied
        return operation

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operation]:
        """With source and book, which every page shows."""
        rows: QuerySet[Operation] = super().get_queryset(request)
        return rows.select_related("source", "book")


def _book_id(request: HttpRequest) -> int:
    """The book that the address names, or the first."""
    books = Book.objects.order_by("id")
    book = books.filter(name=request.GET.get("book", "")).first() or books.first()
    if book is None:
        raise Http404
    return int(book.id)


@admin.register(Entry)
class EntryAdmin(InBookAdmin):
    """Entries, newest first; a search finds an account's."""

    list_display = ("id", "recorded_at", "account_column", "amount_column", "operation_column", "effective_at")
    list_filter = (BookFilter,)
    list_select_related = ("account__unit",)
    search_fields = ("account__code",)
    search_help_text = "An account's code, exactly"
    ordering = ("-id",)
    sortable_by = ()
    fields = ("id", "book", "account_column", "amount_column", "operation_column", "recorded_at", "effective_at")
    readonly_fields = fields

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the account's id, so that its index is read and not the table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "\0" in term:
            return queryset.none(), False
        books = list(Book.objects.values_list("id", flat=True))
        ids = Account.objects.filter(book_id__in=books, code=term).values_list("id", flat=True)
        return queryset.filter(account_id__in=list(ids)), False

    @admin.display(description="account")
    def account_column(self, entry: Entry) -> SafeString:
        """The account, as a link."""
        return shown.account_link(entry.account_id, entry.account.code)

    @admin.display(description="amount")
    def amount_column(self, entry: Entry) -> SafeString:
        """The amount in the unit's scale, with the unit."""
        unit = entry.account.unit
        return shown.amount(int(entry.amount), unit.exponent, unit.code)

    @admin.display(description="operation")
    def operation_column(self, entry: Entry) -> SafeString:
        """The operation, as a link."""
        return shown.operation_link(entry.operation_id)


@admin.register(Mark)
class MarkAdmin(ReadOnlyAdmin):
    """Marks: up to where "so far" is safe."""

    list_display = ("id", "taken_at", "closed_at", "operation_id", "entry_id")
    ordering = ("-id",)
    sortable_by = ()
