"""The page of metrics for people: what every method did and how repositories grow, from what /metrics reads and the history."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin

from metrics import page
from metrics.models import Sample


@admin.register(Sample)
class MetricsPage(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """One page in the place of a list of samples, for whoever may view them."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Show the page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), **page.context(now=timezone.now()), "opts": self.opts}
        return TemplateResponse(request, "metrics/page.html", context)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """A task takes samples, no person."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody changes a sample."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Samples go by themselves when they are old."""
        return False
