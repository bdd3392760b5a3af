"""The admin of grants: add and remove, each a row of the access record; a grant is never changed.

A grant to move much waits for a second person (security.grant_approvals).
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline

from security.approvals import State
from security.clients import ClientRefused
from security.grant_approvals import ask_grant, needs_approval
from security.grant_models import LIMITED_ACTIONS, Grant
from security.grants import NewGrant, add_grant, remove_grant
from security.rights import Action
from security.staff import source_of_staff


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
    list_display = (
        "id",
        "client",
        "group",
        "action",
        "account_prefix",
        "unit",
        "amount_max",
        "day_max",
        "created_at",
        "approval_id",
    )
    list_filter = ("action", "unit")
    list_select_related = ("client", "group")
    search_fields = ("client__name", "client__client_id", "group__name", "account_prefix")
    autocomplete_fields = ("client",)
    ordering = ("-id",)

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
        by = source_of_staff(user_id=request.user.pk or 0, username=request.user.get_username())
        standing = ask_grant(grant=grant, requested_by=by, **owner)
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
