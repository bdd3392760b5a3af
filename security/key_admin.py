"""The admin of the public keys of clients: register and revoke; a key is never changed or deleted."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from security.clients import ClientRefused
from security.key_models import ClientKey, plain_key
from security.keys import register_key, revoke_key
from security.limits import CLIENT_KEYS_LIMIT


class KeyForm(ModelForm):  # type: ignore[type-arg] # it takes no argument at run time
    """A key to register."""

    class Meta:
        model = ClientKey
        fields = ("client", "key_id", "public_key", "expires_at")
        widgets: ClassVar = {"public_key": UnfoldAdminTextareaWidget(attrs={"rows": 4})}

    def clean_public_key(self) -> str:
        """The one way a key is written down."""
        return plain_key(self.cleaned_data["public_key"])

    def clean(self) -> dict[str, Any]:
        """What only the client can tell."""
        values: dict[str, Any] = super().clean() or {}
        client = values.get("client")
        if client is not None and client.revoked_at is not None:
            self.add_error("client", "This client is revoked.")
        elif client is not None and client.keys.filter(revoked_at=None).count() >= CLIENT_KEYS_LIMIT:
            self.add_error("client", f"A client has at most {CLIENT_KEYS_LIMIT} keys at a time.")
        return values


@admin.register(ClientKey)
class ClientKeyAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Register and revoke, each through the same act as everybody."""

    form = KeyForm
    fields = ("client", "key_id", "public_key", "expires_at")
    list_display = ("key_id", "client", "created_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("client",)
    search_fields = ("key_id", "client__name", "client__client_id")
    autocomplete_fields = ("client",)
    ordering = ("-id",)
    actions: ClassVar = ["revoke"]

    def has_change_permission(self, _request: HttpRequest, obj: ClientKey | None = None) -> bool:
        """Never for one key; for the list it means the action."""
        allowed: bool = super().has_change_permission(_request, obj)
        return allowed and obj is None

    def has_delete_permission(self, *_args: Any, **_kwargs: Any) -> bool:
        """Never: what a key signed stays provable. Revoke it."""
        return False

    def save_model(self, _request: HttpRequest, obj: ClientKey, *_args: Any) -> None:
        """Register the key."""
        registered = register_key(
            client_id=obj.client.client_id,
            key_id=obj.key_id,
            public_key=obj.public_key,
            now=timezone.now(),
            expires_at=obj.expires_at,
        )
        obj.pk = registered.pk

    @admin.action(description="Revoke the selected keys, for ever", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ClientKey]) -> None:
        """Revoke each; say which could not be revoked."""
        for key in queryset.select_related("client").order_by("id"):
            try:
                revoke_key(client_id=key.client.client_id, key_id=key.key_id, now=timezone.now())
            except ClientRefused as refusal:
                self.message_user(request, str(refusal), messages.WARNING)
            else:
                self.message_user(request, f"The key {key.key_id} is revoked.", messages.SUCCESS)


class KeysOfClient(TabularInline):  # type: ignore[misc] # unfold has no types
    """A client's keys on its own page, to read."""

    model = ClientKey
    fields = ("key_id", "public_key", "created_at", "expires_at", "revoked_at")
    readonly_fields = fields
    ordering = ("-id",)
    extra = 0
    can_delete = False

    def has_add_permission(self, *_args: Any) -> bool:
        """On the page of keys."""
        return False

    def has_change_permission(self, *_args: Any) -> bool:
        """Never."""
        return False
