"""What the document of the API says of itself, and how it is made. Read by settings.py into SPECTACULAR_SETTINGS."""

from typing import Any

SPECTACULAR: dict[str, Any] = {
    "TITLE": "Billing",
    "DESCRIPTION": (
        "An append-only ledger: accounts, operations, balances and history.\n\n"
        "Amounts are decimal strings in the unit's scale, ids are strings, times are RFC 3339. Every call stands at two"
        " addresses: below `/api/v1/books/{book}`, and below `/api/v1` for the book `main`. Lists come in pages: follow"
        " `next`. Errors are problem documents (RFC 9457); their `code` is one of those listed at the call. Unknown"
        " members, parameters and members given twice are refused, so that nothing is silently ignored."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    # The one there is by itself would gather enumerations; see ledger.api.schema.fields.
    "POSTPROCESSING_HOOKS": ["security.oauth_schema.add_oauth_endpoints"],
    "COMPONENT_SPLIT_PATCH": False,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
