"""The admin of grants: add and remove; a grant is never changed, so each page of the history tells one act."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline

from security.clients import ClientRefused
from security.grant_models import LIMITED_ACTIONS, Grant
from security.grants import NewGrant, add_grant, remove_grant
from security.rights import Action


class GrantForm(ModelForm):  # type: ignore[type-arg] # it takes no argument at run time
    """A grant to add, with what only the whole form can tell."""

    class Meta:
        model = Grant
        fields = ("client", "group", "action", "account_prefix", "unit", "amount_max", "day_max")

    def clean(self) -> dict[str, Any]:
        """One owner, and limits only where they can be counted."""
        values: dict[str, Any] = super().clean() or {}
        if (values.get("client") is None) == (values.get("group") is None):
            self.add_error("client", "Choose a client or a group of staff, not both.")
        if values.get("client") is not None and values["client"].revoked_at is not None:
            self.add_error("client", "This client is revoked.")
        limited = values.get("amount_max") is not None or values.get("day_max") is not None
        if limited and not (values.get("unit") and values.get("action") in LIMITED_ACTIONS):
            self.add_error("unit", "A limit needs a unit, and the action credit, debit or reverse.")
        for name in ("amount_max", "day_max"):
            if values.get(name) is not None and values[name] <= 0:
                self.add_error(name, "A limit is more than zero.")
        return values


@admin.register(Grant)
class GrantAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Add and remove, each through the same act as everybody."""

    form = GrantForm
    fields = ("client", "group", "action", "account_prefix", "unit", "amount_max", "day_max")
    list_display = ("id", "client", "group", "action", "account_prefix", "unit", "amount_max", "day_max", "created_at")
    list_filter = ("action", "unit")
    list_select_related = ("client", "group")
    search_fields = ("client__name", "client__client_id", "group__name", "account_prefix")
    autocomplete_fields = ("client",)
    ordering = ("-id",)

    def has_change_permission(self, _request: HttpRequest, _obj: Grant | None = None) -> bool:
        """Never: remove it and add another."""
        return False

    def save_model(self, request: HttpRequest, obj: Grant, _form: Any, _change: Any) -> None:
        """Add the grant; what the form could not know is told as an error, and nothing is added."""
        grant = NewGrant(
            action=Action(obj.action),
            account_prefix=obj.account_prefix,
            unit=obj.unit,
            amount_max=obj.amount_max,
            day_max=obj.day_max,
        )
        client_id = obj.client.client_id if obj.client else None
        try:
            added = add_grant(grant=grant, now=timezone.now(), client_id=client_id, group_id=obj.group_id)
        except ClientRefused as refusal:
            request.refused_grant = str(refusal)  # type: ignore[attr-defined] # read below, in the same request
            return
        obj.pk = added.pk

    def log_addition(self, request: HttpRequest, obj: Grant, message: Any) -> Any:
        """Log what was added, and nothing that was not."""
        return super().log_addition(request, obj, message) if obj.pk else None

    def response_add(self, request: HttpRequest, obj: Grant, post_url_continue: str | None = None) -> HttpResponse:
        """Tell a refusal, and lead back to the list."""
        if obj.pk:
            answer: HttpResponse = super().response_add(request, obj, post_url_continue)
            return answer
        self.message_user(request, getattr(request, "refused_grant", ""), messages.ERROR)
        back: HttpResponse = self.response_post_save_add(request, obj)
        return back

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
