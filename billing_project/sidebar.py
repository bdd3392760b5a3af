"""How the panel looks: its name, its own style sheet and script, and the sidebar. Read by settings.py into UNFOLD."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse, reverse_lazy

# Group, then the model's label, the title in the sidebar, an icon. A page that is not named here stands under "More".
_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Ledger",
        (
            ("accounts.Account", "Accounts", "account_balance_wallet"),
            ("ledger.Operation", "Operations", "receipt_long"),
            ("ledger.Entry", "Entries", "swap_vert"),
            ("accounts.AccountChange", "Changes of accounts", "history"),
        ),
    ),
    (
        "Work",
        (
            ("massops.MassOperation", "Mass operations", "upload_file"),
            ("massops.SavedMapping", "Mappings", "table_chart"),
            ("security.Approval", "Approvals", "approval"),
        ),
    ),
    (
        "Proof",
        (
            ("ledger.SealBlock", "Seal blocks", "link"),
            ("ledger.SealCheckpoint", "Signed heads", "verified"),
            ("ledger.SealQuarantine", "Quarantine", "gpp_maybe"),
            ("ledger.Verification", "Verifications", "fact_check"),
            ("ledger.Mark", "Marks", "flag"),
            ("ledger.Snapshot", "Snapshots", "photo_camera"),
            ("security.AccessRecord", "Access record", "policy"),
            ("metrics.Sample", "Metrics", "monitoring"),
        ),
    ),
    (
        "Set-up",
        (
            ("accounts.Book", "Books", "menu_book"),
            ("accounts.Unit", "Units", "payments"),
            ("security.Client", "Clients", "key"),
            ("security.Grant", "Grants", "lock_open"),
            ("security.ApprovalThreshold", "Approval thresholds", "price_check"),
            ("django_celery_beat.PeriodicTask", "Schedules", "schedule"),
        ),
    ),
    (
        "People",
        (
            ("auth.User", "People", "person"),
            ("auth.Group", "Groups", "group"),
            ("security.StaffSession", "Sessions", "devices"),
        ),
    ),
)
# The parts of a schedule are reached from it.
_LEFT_OUT = frozenset(
    f"django_celery_beat.{name}" for name in ("ClockedSchedule", "CrontabSchedule", "SolarSchedule", "IntervalSchedule")
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar for one person: what they may open, in the order of the table above."""
    from django.contrib import admin  # noqa: PLC0415 - settings read this module before any app is ready

    pages = {
        f"{model['model']._meta.app_label}.{model['object_name']}": model  # noqa: SLF001 - Django's documented model metadata
        for app in admin.site.get_app_list(request)
        for model in app["models"]
        if model["admin_url"]
    }
    groups: list[dict[str, Any]] = [
        {"items": [{"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}]}
    ]
    for title, items in _GROUPS:
        shown = [
            {"title": name, "icon": icon, "link": pages.pop(label)["admin_url"]}
            for label, name, icon in items
            if label in pages
        ]
        groups.append({"title": title, "items": shown})
    rest = [
        {"title": str(page["name"]).capitalize(), "icon": "chevron_right", "link": page["admin_url"]}
        for label, page in pages.items()
        if label not in _LEFT_OUT
    ]
    groups.append({"title": "More", "items": rest})
    groups.append({"items": [{"title": "API documents", "icon": "code", "link": reverse("docs")}], "separator": True})
    return groups


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Billing",
    "SITE_HEADER": "Billing",
    "SITE_SUBHEADER": "Ledger administration",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("billing/favicon.svg")},
    ],
    "SITE_SYMBOL": "account_balance",
    "ACCOUNT": {
        "navigation": [
            {"title": "Your access", "link": reverse_lazy("admin:own_access")},
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
        ]
    },
    "DASHBOARD_CALLBACK": "billing_project.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "billing_project.sidebar.navigation",
    },
    "STYLES": [lambda _request: static("billing/panel.css")],
    "SCRIPTS": [
        lambda _request: static("billing/panel.js"),
        lambda _request: static("billing/dialog.js"),
        lambda _request: static("billing/correction.js"),
    ],
}
