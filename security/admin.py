"""The admin of OAuth2 clients: see them, rename them, change their scopes, revoke them.

No page shows a secret, a token or their hashes. Clients are created and rotated by `manage.py client`, which alone can
show a secret once. The toolkit's own pages for applications and tokens are taken away.
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.models import (
    get_access_token_model,
    get_grant_model,
    get_id_token_model,
    get_refresh_token_model,
)
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

import security.access_admin
import security.approval_admin
import security.staff_admin  # noqa: F401 - they register their pages
from security.clients import ClientRefused, Terms, change_client, revoke_client
from security.grant_admin import GrantsOfClient
from security.key_admin import KeysOfClient
from security.models import Client
from security.scopes import known_scopes, scope_list

# The toolkit registers these when its own admin module is discovered, before ours: it stands earlier in INSTALLED_APPS.
for model in (Client, get_access_token_model(), get_grant_model(), get_id_token_model(), get_refresh_token_model()):
    admin.site.unregister(model)


TERMS = (
    "allowed_books",
    "allowed_networks",
    "expires_at",
    "restricted_to_grants",
    "signature_required",
    "rate_read",
    "rate_write",
)


class ClientForm(forms.ModelForm):  # type: ignore[type-arg] # it takes no argument at run time
    """A client's name and scopes, the scopes as boxes to tick."""

    allowed_scopes = forms.MultipleChoiceField(
        choices=lambda: [(scope, f"{scope}: {text}") for scope, text in known_scopes().items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = Client
        fields = ("name", "allowed_scopes", "highest_priority", *TERMS)
        widgets: ClassVar = {
            "allowed_books": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "allowed_networks": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["allowed_scopes"] = self.instance.allowed_scopes.split()

    def clean_allowed_scopes(self) -> str:
        """Back to the way the table writes scopes."""
        return scope_list(scopes=self.cleaned_data["allowed_scopes"])


@admin.register(Client)
class ClientAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Read-only but for the name, the scopes and the revocation."""

    form = ClientForm
    inlines: ClassVar = [GrantsOfClient, KeysOfClient]
    fieldsets = (
        (None, {"fields": ("name", "allowed_scopes", "highest_priority")}),
        ("Terms", {"fields": TERMS}),
        (
            "Facts",
            {
                "fields": ("client_id", "source", "created", "last_used_at", "previous_secret_until", "revoked_at"),
                "description": "Secrets are made and rotated with manage.py client, which shows a new one once. Last use is"
                " known to the minute.",
            },
        ),
    )
    readonly_fields = ("client_id", "source", "created", "last_used_at", "previous_secret_until", "revoked_at")
    list_display = ("name", "client_id", "allowed_scopes", "created", "last_used_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("source",)
    search_fields = ("name", "client_id")
    ordering = ("name", "id")
    actions: ClassVar = ["revoke"]
    # The toolkit's model has a page of its own, which is not served.
    view_on_site = False

    def has_add_permission(self, *_args: Any, **_kwargs: Any) -> bool:
        """Never: a form cannot show a secret once."""
        return False

    def has_delete_permission(self, *_args: Any, **_kwargs: Any) -> bool:
        """Never: what a client sent stays attributed to it. Revoke it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Client | None = None) -> bool:
        """As Django grants it, and never for a revoked client."""
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.revoked_at is None)

    def save_model(self, _request: HttpRequest, obj: Client, *_args: Any) -> None:
        """Change the client through the same act as everybody."""
        change_client(
            client_id=obj.client_id,
            name=obj.name,
            scopes=obj.allowed_scopes.split(),
            highest_priority=obj.highest_priority,
            terms=Terms.of(obj),
        )

    @admin.action(description="Revoke the selected clients, for ever", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        """Revoke each; say which could not be revoked."""
        for client_id in queryset.order_by("id").values_list("client_id", flat=True):
            try:
                revoke_client(client_id=client_id, now=timezone.now())
            except ClientRefused as refusal:
                self.message_user(request, str(refusal), messages.WARNING)
            else:
                self.message_user(request, f"The client {client_id} is revoked.", messages.SUCCESS)
