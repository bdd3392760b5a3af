"""How the panel looks: its name, its own style sheet and script, and the sidebar. Read by settings.py into UNFOLD."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Billing",
    "SITE_HEADER": "Billing",
    "SITE_SUBHEADER": "Ledger administration",
    "SITE_SYMBOL": "account_balance",
    "ACCOUNT": {
        "navigation": [
            {"title": "Your access", "link": reverse_lazy("admin:own_access")},
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
        ]
    },
    "DASHBOARD_CALLBACK": "billing_project.dashboard.dashboard",
    "STYLES": [lambda _request: static("billing/panel.css")],
    "SCRIPTS": [lambda _request: static("billing/panel.js")],
}
