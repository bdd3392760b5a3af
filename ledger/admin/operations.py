"""Operations in the panel: the routes; what the pages show is in operations_page.py and operation_page.py."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path

from accounts.admin import InBookAdmin
from accounts.models import Book
from ledger.admin import operation_page, operations_page, receipt_page
from ledger.admin.acts import require
from ledger.admin.operation_acts import correct_view, reverse_view
from ledger.admin.operations_export import export_operations
from ledger.models import Operation


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

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The list as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return export_operations(request)

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
        """With the export and the acts."""
        view = self.admin_site.admin_view
        return [
            path("export/", view(self.export_view), name="ledger_operation_export"),
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
