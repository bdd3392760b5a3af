"""The groups of staff that are ready to use, and what each may do. They are made anew by each migration.

Patterns are compared with `app.permission`. Whoever wants another split makes groups of their own; these four follow the
program, so that what a new version adds is open to those who should have it.
"""

from fnmatch import fnmatchcase
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.models import Group, Permission

OWN_APPS = (
    "accounts",
    "ledger",
    "massops",
    "metrics",
    "notifications",
    "payments",
    "security",
    "auth",
    "django_celery_beat",
)
_READ = tuple(f"{app}.view_*" for app in OWN_APPS)
GROUPS: dict[str, tuple[str, ...]] = {
    # Reads all, changes nothing; asks for verifications.
    "auditor": (*_READ, "ledger.ask_verification"),
    # Carries out mass operations, asks for corrections, opens and freezes accounts and changes floors.
    "operator": (
        "accounts.view_*",
        "accounts.add_account",
        "accounts.change_account",
        "ledger.view_*",
        "ledger.add_*",
        "ledger.change_*",
        "ledger.delete_*",
        "massops.*",
        "payments.view_*",
        "security.view_approval",
    ),
    # Approves what others ask for, and says what a quarantined operation is.
    "controller": (*_READ, "security.decide_approval", "ledger.acknowledge_sealquarantine"),
    # Sets up: books, units, clients, people, thresholds, schedules. Neither moves units nor approves.
    "administrator": (
        *_READ,
        "ledger.ask_verification",
        "accounts.*_book",
        "accounts.*_unit",
        "notifications.*",
        "payments.*",
        "django_celery_beat.*",
        "auth.*_user",
        "security.*_client",
        "security.*_approvalthreshold",
        "security.*_staffsession",
        "security.*_clientkey",
        "security.*_grant*",
    ),
}
# Rights that no group has: what these tables hold is not for pages.
_NEVER = ("security.*_authenticator", "security.*_recoverycode", "security.*_enrolmentcode", "auth.*_permission")


def make_groups(*, app_config: AppConfig, **_kwargs: Any) -> None:
    """Give each group its permissions; called after every migration, does its work after the last app's."""
    if app_config is not [config for config in apps.get_app_configs() if config.models_module][-1]:
        return
    every = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.select_related("content_type")
    }
    for name, patterns in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(
            permission
            for full_name, permission in every.items()
            if _matches(full_name, patterns) and not _matches(full_name, _NEVER)
        )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
