"""The admin of grants: add and remove, each a row of the access record; a grant is never changed.

A grant to move much waits for a second person (security.grant_approvals).
"""

from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from import_export.formats.base_formats import CSV, XLSX
from unfold.admin import ModelAdmin, TabularInline

from security.approvals import Standing, State
from security.clients import ClientRefused
from security.grant_approvals import ask_grants, needs_approval
from security.grant_form import GrantForm
from security.grant_imports import GrantResource
from security.grant_models import Grant
from security.grants import NewGrant, OwnedGrant, add_grant, remove_grant
from security.reference_import import ReferenceImport
from security.rights import Action
from security.staff import source_of_staff

_FORMATS = {"csv": CSV, "xlsx": XLSX}


@admin.register(Grant)
class GrantAdmin(ReferenceImport, ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Add and remove, each through the same act as everybody; one by one or from a file, and into one."""

    resource_classes: ClassVar = [GrantResource]
    list_before_template = "panel/_exports.html"
    form = GrantForm
    fields = ("client", "group", "action", "account_prefix", "unit", "amount_max", "day_max")
    list_display = (
        "id",
        "client",
        "group",
        "action",
        "account_prefix",
        "unit",
        "amount_column",
        "day_column",
        "created_at",
        "approval_column",
    )
    list_filter = ("action", "unit")
    list_select_related = ("client", "group")
    search_fields = ("client__name", "client__client_id", "group__name", "account_prefix")
    autocomplete_fields = ("client",)
    ordering = ("-id",)

    @admin.display(description="largest amount", ordering="amount_max")
    def amount_column(self, grant: Grant) -> str:
        """In units, without zeros at the end."""
        return _limit(grant.amount_max)

    @admin.display(description="sum per day", ordering="day_max")
    def day_column(self, grant: Grant) -> str:
        """In units, without zeros at the end."""
        return _limit(grant.day_max)

    @admin.display(description="approval")
    def approval_column(self, grant: Grant) -> str:
        """The approval that gave it, as a link."""
        if grant.approval_id is None:
            return "-"
        address = reverse("admin:security_approval_change", args=[grant.approval_id])
        return format_html('<a class="pn-link" href="{}">{}</a>', address, grant.approval_id)

    def get_import_resource_kwargs(self, request: HttpRequest, **_more: Any) -> dict[str, Any]:
        """Grants are asked for in the person's name."""
        return {"source_id": _source_of(request)}

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        """Say what became of the file, and lead to where it can be seen."""
        standing: Standing | None = getattr(result, "standing", None)
        if standing is not None and standing.state is State.PENDING:
            self.message_user(
                request,
                "The file waits for a second person, as a whole; it allows nothing until then.",
                messages.WARNING,
            )
            return HttpResponseRedirect(reverse("admin:security_approval_change", args=[standing.approval_id]))
        answer: HttpResponse = super().process_result(result, request)
        return answer

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the addresses of its export."""
        query = f"?{request.GET.urlencode()}"
        files = {kind: reverse("admin:security_grant_export_list", args=[kind]) + query for kind in _FORMATS}
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **files})
        return response

    def export_list_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """The grants of the list as a file that can be imported."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if kind not in _FORMATS:
            raise Http404
        file_format = _FORMATS[kind]()
        rows = self.get_changelist_instance(request).get_queryset(request).select_related("client", "group")
        content = file_format.export_data(GrantResource().export(queryset=rows))
        disposition = {"Content-Disposition": f'attachment; filename="grants.{kind}"'}
        return HttpResponse(content, content_type=file_format.get_content_type(), headers=disposition)

    def get_urls(self) -> list[URLPattern]:
        """With the export."""
        export = self.admin_site.admin_view(self.export_list_view)
        return [path("export/<str:kind>/", export, name="security_grant_export_list"), *super().get_urls()]

    def has_change_permission(self, _request: HttpRequest, _obj: Grant | None = None) -> bool:
        """Never: remove it and add another."""
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; what it asks for is done after it, because an approval must be stored before its effect begins."""
        response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        wanted: Grant | None = getattr(request, "wanted_grant", None)
        return response if wanted is None else self._add(request, wanted)

    def save_model(self, request: HttpRequest, obj: Grant, *_args: Any) -> None:
        """Note what the form asks for."""
        request.wanted_grant = obj  # type: ignore[attr-defined] # read above, in the same request

    def log_addition(self, *_args: Any) -> None:
        """Nothing: the grant writes its own row of the access record."""

    def response_add(self, request: HttpRequest, obj: Grant, _post_url_continue: str | None = None) -> HttpResponse:
        """Where the list is: what became of it is told there."""
        back: HttpResponse = self.response_post_save_add(request, obj)
        return back

    def _add(self, request: HttpRequest, obj: Grant) -> HttpResponse:
        grant = NewGrant(
            action=Action(obj.action),
            account_prefix=obj.account_prefix,
            unit=obj.unit,
            amount_max=obj.amount_max,
            day_max=obj.day_max,
        )
        owner: Any = {"client_id": obj.client.client_id if obj.client else None, "group_id": obj.group_id}
        try:
            if not needs_approval(obj.action):
                add_grant(grant=grant, now=timezone.now(), **owner)
            elif (pending := self._ask(request, grant, owner)) is not None:
                self.message_user(
                    request, "It waits for a second person, and allows nothing until then.", messages.WARNING
                )
                return HttpResponseRedirect(reverse("admin:security_approval_change", args=[pending]))
        except ClientRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            self.message_user(request, f"The grant {obj} is given.", messages.SUCCESS)
        return self.response_add(request, obj)

    def _ask(self, request: HttpRequest, grant: NewGrant, owner: dict[str, Any]) -> int | None:
        """Ask for it; return the approval that waits, None where it is given. Raises ClientRefused."""
        standing = ask_grants(grants=[OwnedGrant(grant=grant, **owner)], requested_by=_source_of(request))
        if standing.state is State.PENDING:
            return standing.approval_id
        if standing.state is not State.DONE:
            raise ClientRefused(str(standing.result.get("reason", standing.state)))
        return None

    def delete_model(self, _request: HttpRequest, obj: Grant) -> None:
        """Remove one."""
        remove_grant(grant_id=obj.pk)

    def delete_queryset(self, _request: HttpRequest, queryset: QuerySet[Grant]) -> None:
        """Remove each that was chosen."""
        for grant_id in queryset.order_by("id").values_list("id", flat=True):
            remove_grant(grant_id=grant_id)


class GrantsOfClient(TabularInline):  # type: ignore[misc] # unfold has no types
    """A client's grants on its own page, to read."""

    model = Grant
    fields = ("action", "account_prefix", "unit", "amount_max", "day_max", "created_at")
    readonly_fields = fields
    ordering = ("action", "account_prefix", "unit")
    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, *_args: Any) -> bool:
        """On the page of grants."""
        return False

    def has_change_permission(self, *_args: Any) -> bool:
        """Never."""
        return False


def _limit(value: Decimal | None) -> str:
    return "no limit" if value is None else f"{value.normalize():,f}"


def _source_of(request: HttpRequest) -> int:
    return source_of_staff(user_id=request.user.pk or 0, username=request.user.get_username())
