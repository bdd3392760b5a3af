"""How the panel looks: its name, its own style sheet and script, and the sidebar. Read by settings.py into UNFOLD."""

from typing import Any

from django.templatetags.static import static

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Billing",
    "SITE_HEADER": "Billing",
    "SITE_SUBHEADER": "Ledger administration",
    "SITE_SYMBOL": "account_balance",
    "STYLES": [lambda _request: static("billing/panel.css")],
    "SCRIPTS": [lambda _request: static("billing/panel.js")],
}
