"""How the declared schema is put together: the security scheme, and what every operation of the ledger shares."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from ledger.api.schema.problems import ProblemSerializer
from security.scopes import known_scopes

_BOOK = {
    "name": "book",
    "in": "path",
    "required": True,
    "description": "The book. Without this part of the path, the book `main` is meant.",
    "schema": {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"},
    "example": "main",
}
_REQUEST_ID = {
    "description": "The id of this request: the caller's X-Request-Id where it has 8 to 64 of A-Z a-z 0-9 _ -, else a new one.",
    "schema": {"type": "string"},
}


class LedgerSchema(AutoSchema):
    """Each call is described once and stands at two addresses: below /api/v1 and below /api/v1/books/{book}."""

    def get_operation(self, path: str, *arguments: Any, **named: Any) -> dict[str, Any] | None:
        """Return the operation with what all share: its book, the request id, the shape of problems."""
        operation: dict[str, Any] | None = super().get_operation(path, *arguments, **named)
        if operation is None:
            return None
        self.resolve_serializer(ProblemSerializer(), "response")
        for response in operation["responses"].values():
            response.setdefault("headers", {})["X-Request-Id"] = _REQUEST_ID
        if self.method == "PATCH":  # no member is required, but a body is
            operation["requestBody"]["required"] = True
        if "{book}" in path:
            operation["operationId"] += "_in_book"
            others = [parameter for parameter in operation["parameters"] if parameter["name"] != "book"]
            operation["parameters"] = [_BOOK, *others]
        return operation


class BearerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular is typed in part
    """OAuth2 client credentials; the scope of a call is what its view declares."""

    target_class = "security.authentication.BearerToken"
    name = "OAuth2"

    def get_security_definition(self, _auto_schema: AutoSchema) -> dict[str, Any]:
        """Where a token is got, and which scopes there are."""
        return {
            "type": "oauth2",
            "description": (
                "Client credentials (RFC 6749, section 4.4). `manage.py client create` makes a client; it gets the"
                " scopes that it was allowed. Send the token as `Authorization: Bearer`."
            ),
            "flows": {"clientCredentials": {"tokenUrl": "/oauth/token/", "scopes": known_scopes()}},
        }

    def get_security_requirement(self, auto_schema: AutoSchema) -> dict[str, list[str]]:
        """The one scope that the call needs."""
        view: Any = auto_schema.view
        return {self.name: [view.required_scopes[auto_schema.method]]}
