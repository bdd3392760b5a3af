"""Saved mappings in the panel: a list, and their document. They are made on the page of a file, where their effect is seen."""

import json

from django.contrib import admin
from django.http import HttpRequest

from appendonly.admin import ReadOnlyAdmin
from massops.models import SavedMapping


@admin.register(SavedMapping)
class SavedMappingAdmin(ReadOnlyAdmin):
    """Mappings by name; saving one of the same name on a file's page changes it, and no history."""

    list_display = ("name", "changed_by", "changed_at")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "text", "changed_by", "changed_at")

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """A mapping that nobody needs may go: what used it has a copy."""
        return bool(request.user.has_perm("massops.delete_savedmapping"))

    @admin.display(description="mapping")
    def text(self, mapping: SavedMapping) -> str:
        """The document."""
        return json.dumps(mapping.document, indent=1)
