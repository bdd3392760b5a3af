"""The composition root as an app: the administration's site, and the groups of staff after migrations."""

import unfold.apps
from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import sites
from django.db.models.signals import post_migrate


class UnfoldConfig(unfold.apps.BasicAppConfig):  # type: ignore[misc] # unfold has no types
    """Unfold's look, with the site that knows a second factor in place of unfold's own."""

    default = False  # named in INSTALLED_APPS; the other one is this package's own

    def ready(self) -> None:
        """Put our site where every admin module registers its pages; unfold's own configuration does the same."""
        from security.staff_site import StaffSite  # noqa: PLC0415 - models are ready only now

        admin.site = sites.site = StaffSite()


class BillingConfig(AppConfig):
    """What holds the apps together."""

    name = "billing_project"

    def ready(self) -> None:
        """Make the groups of staff after every migration, when all permissions exist."""
        from billing_project.staff_groups import make_groups  # noqa: PLC0415 - models are ready only now

        post_migrate.connect(make_groups, dispatch_uid="billing_project.staff_groups")
