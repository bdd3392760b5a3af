"""The access record in the administration: newest first, searched by exact values, filtered, exported with the same filters."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from unfold.contrib.filters.admin import RangeDateTimeFilter

from appendonly.admin import ReadOnlyAdmin
from security.access_models import AccessRecord
from security.formulas import defused
from security.limits import ACCESS_EXPORT_ROWS_LIMIT
from security.networks import as_address

COLUMNS = ("id", "recorded_at", "event", "who", "credential", "what", "code", "address", "request_id", "times")


@admin.register(AccessRecord)
class AccessRecordAdmin(ReadOnlyAdmin):
    """Who tried, was refused, or acted."""

    change_list_template = "admin/security/accessrecord/change_list.html"
    list_display = ("recorded_at", "event", "who", "what", "code", "address", "request_id", "times")
    list_filter = ("event", ("recorded_at", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("who__exact",)
    search_help_text = "Who (staff:name or client id), credential, address or request id, in full"
    ordering = ("-id",)
    fields = COLUMNS

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[AccessRecord], search_term: str
    ) -> tuple[QuerySet[AccessRecord], bool]:
        """Rows that have the whole term in one of the columns that are indexed: the cost does not grow with the table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        where = Q(who=term) | Q(who=f"staff:{term}") | Q(credential=term) | Q(request_id=term)
        if as_address(term) is not None:
            where |= Q(address=term)
        return queryset.filter(where), False

    def get_urls(self) -> list[URLPattern]:
        """With the export."""
        export = path("export/", self.admin_site.admin_view(self.export), name="security_accessrecord_export")
        return [export, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """The list, with the address of its export."""
        address = f"{reverse('admin:security_accessrecord_export')}?{request.GET.urlencode()}"
        context = {"export_address": address, **(extra_context or {})}
        response: HttpResponseBase = super().changelist_view(request, context)
        return response

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The rows of the list, with its filters and its search, as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_changelist_instance(request).get_queryset(request)
        response = StreamingHttpResponse(_csv(rows[:ACCESS_EXPORT_ROWS_LIMIT]), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="access-record.csv"'
        return response


def _csv(rows: QuerySet[AccessRecord]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in rows.values_list(*COLUMNS).iterator():
        writer.writerow([_cell(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else "" if value is None else str(value)
    return defused(text)  # much of this record was written by strangers
