"""The admin of OAuth2 clients: see them, make them, change them; each through security.clients. Acts on one: client_acts.

No page shows a token or a hash; a secret is shown once, in the answer to the form that made it. The toolkit's own pages for
applications and tokens are taken away.
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from oauth2_provider.models import (
    get_access_token_model,
    get_grant_model,
    get_id_token_model,
    get_refresh_token_model,
)
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from security.client_acts import ClientActs
from security.clients import ClientRefused, Terms, change_client, create_client, revoke_client
from security.grant_admin import GrantsOfClient
from security.key_admin import KeysOfClient
from security.key_models import ClientKey
from security.keys import register_key
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
_FIELDS: Any = ClientKey._meta  # noqa: SLF001 - Django documents _meta
KEY_ID, PUBLIC_KEY = _FIELDS.get_field("key_id"), _FIELDS.get_field("public_key")
FACTS = ("client_id", "source", "created", "last_used_at", "previous_secret_until", "revoked_at")


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


class NewClientForm(ClientForm):
    """A new client, with its first key where it will sign."""

    key_id = forms.CharField(
        required=False, help_text=KEY_ID.help_text, validators=KEY_ID.validators, widget=UnfoldAdminTextInputWidget
    )
    public_key = forms.CharField(
        required=False,
        help_text=PUBLIC_KEY.help_text,
        validators=PUBLIC_KEY.validators,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )

    def clean(self) -> dict[str, Any]:
        """A key has an id and an id a key; who must sign has one."""
        values: dict[str, Any] = super().clean() or {}
        if "key_id" in values and "public_key" in values and bool(values["key_id"]) != bool(values["public_key"]):
            self.add_error("public_key", "A key and its id go together.")
        if values.get("signature_required") and values.get("public_key") == "":
            self.add_error("public_key", "Who must sign needs a key.")
        return values


@admin.register(Client)
class ClientAdmin(ClientActs):
    """Make, change and revoke, each through the same act as everybody."""

    inlines: ClassVar = [GrantsOfClient, KeysOfClient]
    fieldsets = (
        (None, {"fields": ("name", "allowed_scopes", "highest_priority")}),
        ("Terms", {"fields": TERMS}),
        (
            "Facts",
            {
                "fields": FACTS,
                "description": "No secret can be shown again; a new one can be made. Last use is known to the minute.",
            },
        ),
    )
    add_fieldsets = (
        (None, {"fields": ("name", "allowed_scopes", "highest_priority")}),
        ("Terms", {"fields": TERMS}),
        ("First key, for signed requests", {"fields": ("key_id", "public_key")}),
    )
    readonly_fields = FACTS
    list_display = ("name", "client_id", "allowed_scopes", "created", "last_used_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("source",)
    search_fields = ("name", "client_id")
    ordering = ("name", "id")
    actions: ClassVar = ["revoke"]
    # The toolkit's model has a page of its own, which is not served.
    view_on_site = False

    def has_delete_permission(self, *_args: Any, **_kwargs: Any) -> bool:
        """Never: what a client sent stays attributed to it. Revoke it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Client | None = None) -> bool:
        """As Django grants it, and never for a revoked client."""
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.revoked_at is None)

    def get_form(self, request: HttpRequest, obj: Client | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 - the way of Django
        """A new client may come with a key."""
        return super().get_form(request, obj, change, **{"form": ClientForm if obj else NewClientForm, **kwargs})

    def get_inlines(self, _request: HttpRequest, obj: Client | None) -> Any:
        """Grants and keys of a client that is there."""
        return self.inlines if obj else []

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form; what the form could not know (somebody else was faster) is told, and nothing is changed."""
        try:
            response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        except ClientRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.path)
        return response

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:  # noqa: FBT001 - the way of Django
        """Make or change the client through the same act as everybody."""
        terms: dict[str, Any] = {
            "name": obj.name,
            "scopes": obj.allowed_scopes.split(),
            "highest_priority": obj.highest_priority,
            "terms": Terms.of(obj),
        }
        if change:
            change_client(client_id=obj.client_id, **terms)
            return
        now, key = timezone.now(), form.cleaned_data["public_key"]
        client, request.new_secret = create_client(now=now, **terms)  # type: ignore[attr-defined] # shown below, in the answer
        obj.pk, obj.client_id = client.pk, client.client_id
        if key:
            register_key(client_id=client.client_id, key_id=form.cleaned_data["key_id"], public_key=key, now=now)

    def response_add(self, request: HttpRequest, obj: Client, _post_url_continue: str | None = None) -> HttpResponse:
        """Show the secret, once."""
        return self.secret_page(request, obj, request.new_secret, "The client may get tokens now.")  # type: ignore[attr-defined] # from above

    @admin.action(description="Revoke the selected clients, for ever", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        """Revoke each; say which could not be revoked."""
        for client in queryset.order_by("id"):
            try:
                revoke_client(client_id=client.client_id, now=timezone.now())
            except ClientRefused as refusal:
                self.message_user(request, str(refusal), messages.WARNING)
            else:
                self.log_change(request, client, "Revoked.")
                self.message_user(request, f"The client {client.client_id} is revoked.", messages.SUCCESS)
