"""The OAuth2 endpoints in the OpenAPI document: they are no views of DRF, so they are described here by hand."""

from typing import Any

from security.limits import FORM_BYTES_LIMIT
from security.scopes import known_scopes

_FORM = "application/x-www-form-urlencoded"
_BASIC = "ClientSecretBasic"
_TOKEN = {"type": "string", "minLength": 1, "description": "The access token that is spoken of."}
_SECRETS = {
    "client_id": {"type": "string", "description": "Where the client does not use HTTP Basic."},
    "client_secret": {"type": "string", "description": "Where the client does not use HTTP Basic."},
}
_ERRORS = {
    "400": "`invalid_request`, `invalid_scope`, `invalid_target`, `unsupported_grant_type` or `unsupported_token_type`.",
    "401": "`invalid_client`: no such client, a wrong secret, or it may not ask from this address.",
    "413": f"The form is larger than {FORM_BYTES_LIMIT} bytes.",
    "429": "`temporarily_unavailable`: too many requests from this address; see Retry-After.",
    "503": "`temporarily_unavailable`: the storage does not answer.",
}


def add_oauth_endpoints(result: dict[str, Any], **_hook: Any) -> dict[str, Any]:
    """Add the endpoints, their shapes and HTTP Basic to the document (a postprocessing hook of drf-spectacular)."""
    result["components"]["schemas"] |= {
        "OAuthError": _object(
            "A refusal as RFC 6749, section 5.2, has it.",
            {"error": {"type": "string"}, "error_description": {"type": "string"}, "state": {"type": "string"}},
            required=["error"],
        )
    }
    result["components"]["securitySchemes"][_BASIC] = {
        "type": "http",
        "scheme": "basic",
        "description": "The client's id and secret, each percent-encoded (RFC 6749, section 2.3.1).",
    }
    result["paths"] |= {
        "/oauth/token/": {"post": _token()},
        "/oauth/revoke_token/": {"post": _revocation()},
        "/oauth/introspect/": {"post": _introspection()},
        "/.well-known/oauth-authorization-server": {"get": _metadata()},
    }
    return result


def _token() -> dict[str, Any]:
    scope = {
        "type": "string",
        "description": f"Some of: {', '.join(sorted(known_scopes()))}. Without it: all it may have.",
    }
    answer = _object(
        "",
        {
            "access_token": {"type": "string"},
            "token_type": {"type": "string", "enum": ["Bearer"]},
            "expires_in": {"type": "integer", "description": "Seconds."},
            "scope": {"type": "string"},
        },
        required=["access_token", "token_type", "expires_in", "scope"],
    )
    grant = {"grant_type": {"type": "string", "enum": ["client_credentials"]}, "scope": scope}
    return _operation("get_token", "Get an access token (RFC 6749)", grant, ["grant_type"], "The token.", answer)


def _revocation() -> dict[str, Any]:
    hint = {"token_type_hint": {"type": "string", "description": "`access_token`, or nothing."}}
    form = {"token": _TOKEN, **hint}
    said = "The token is not valid any more, or never was one of this client."
    return _operation("revoke_token", "End an access token (RFC 7009)", form, ["token"], said, None)


def _introspection() -> dict[str, Any]:
    answer = _object(
        "",
        {
            "active": {
                "type": "boolean",
                "description": "False for every token that is not the client's own and live.",
            },
            "client_id": {"type": "string"},
            "scope": {"type": "string"},
            "token_type": {"type": "string"},
            "exp": {"type": "integer"},
            "iat": {"type": "integer"},
        },
        required=["active"],
    )
    said = "What it stands for."
    return _operation(
        "introspect_token", "Ask what an access token stands for (RFC 7662)", {"token": _TOKEN}, ["token"], said, answer
    )


def _metadata() -> dict[str, Any]:
    texts = {"type": "array", "items": {"type": "string"}}
    addresses = ("issuer", "token_endpoint", "revocation_endpoint", "introspection_endpoint")
    lists = (
        "grant_types_supported",
        "response_types_supported",
        "scopes_supported",
        "token_endpoint_auth_methods_supported",
        "revocation_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_methods_supported",
    )
    members = {name: {"type": "string", "format": "uri"} for name in addresses} | dict.fromkeys(lists, texts)
    return {
        "operationId": "authorization_server_metadata",
        "tags": ["oauth"],
        "summary": "Where and how tokens are got (RFC 8414)",
        "security": [{}],
        "responses": {
            "200": {
                "description": "The metadata.",
                "content": {"application/json": {"schema": _object("", members, required=list(members))}},
            }
        },
    }


def _operation(
    name: str, summary: str, form: dict[str, Any], required: list[str], said: str, answer: dict[str, Any] | None
) -> dict[str, Any]:
    success: dict[str, Any] = {"description": said}
    if answer is not None:
        success["content"] = {"application/json": {"schema": answer}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/OAuthError"}}}
    body = _object("", {**form, **_SECRETS}, required=required)
    return {
        "operationId": name,
        "tags": ["oauth"],
        "summary": summary,
        "security": [{_BASIC: []}, {}],
        "requestBody": {"required": True, "content": {_FORM: {"schema": body}}},
        "responses": {
            "200": success,
            **{status: {"description": text, "content": error} for status, text in _ERRORS.items()},
        },
    }


def _object(description: str, members: dict[str, Any], *, required: list[str]) -> dict[str, Any]:
    said = {"description": description} if description else {}
    return {"type": "object", **said, "properties": members, "required": required}
