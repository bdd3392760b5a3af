"""Errors as they are declared: RFC 9457 problem documents, with the codes that each call can answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

PROBLEM = "application/problem+json"

# What any call can answer; then what one with a body can; then what every call in a book can.
_ANY = {
    400: ("invalid_request", "bad_request"),
    401: (
        "not_authenticated",
        "invalid_token",
        "signature_required",
        "signature_invalid",
        "signature_key_unknown",
        "signature_expired",
        "signature_incomplete",
        "digest_mismatch",
    ),
    403: ("insufficient_scope", "network_forbidden"),
    404: ("not_found", "book_unknown"),
    405: ("method_not_allowed",),
    406: ("not_acceptable",),
    429: ("throttled",),
    503: ("storage_unavailable",),
}
_WITH_BODY = {
    400: ("invalid_json",),
    413: ("body_too_large",),
    415: ("unsupported_media_type",),
}
_SENTENCES = {
    400: "The request cannot be read; `errors` names each place. Nothing was stored, and an idempotency key stays free.",
    401: "There is no valid access token, or the request is not signed as it must be.",
    403: "The token lacks the scope of this call, or its client may not call from this address.",
    404: "There is no such thing.",
    405: "This address does not know the method.",
    406: "The answer is JSON, and the Accept header excludes it.",
    409: "The state of the account does not allow it. Nothing was changed.",
    413: "The body is larger than the limit, which `detail` names.",
    415: "The body is not application/json.",
    422: "Well-formed, but refused; nothing was changed.",
    429: "The client made too many requests; Retry-After says after how many seconds to go on.",
    503: "The storage does not answer. Send the same request again, with the same key. `archive_unavailable`: this"
    " lies in an archive that cannot be read at present; Retry-After says when to ask again.",
}


class ErrorSerializer(serializers.Serializer[Any]):
    """One thing wrong with a request."""

    pointer = serializers.CharField(
        help_text="Where: an RFC 6901 pointer into the body, `header:NAME`, or `query:NAME`.",
    )
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """An error as a problem document (RFC 9457)."""

    type = serializers.CharField(help_text="Always `about:blank`: `code` tells the kind.")
    title = serializers.CharField(help_text="The phrase of the status.")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="What went wrong, for programs. The list is complete for each call.")
    detail = serializers.CharField(help_text="What went wrong, for people.")
    request_id = serializers.CharField(help_text="Name it when you ask for help.")
    errors = ErrorSerializer(  # type: ignore[assignment]  # the name of a member, which DRF takes out of the class
        many=True, required=False, help_text="Each place that is wrong, at most 100."
    )
    operation = serializers.CharField(required=False, help_text="The id under which a refused operation is stored.")
    mass_operation = serializers.CharField(required=False, help_text="What the same file was uploaded as before.")


def problems(
    codes: Mapping[int, Sequence[str]], *, body: bool = False, examples: Sequence[OpenApiExample] = ()
) -> dict[tuple[int, str], OpenApiResponse]:
    """Return the error responses of a call: its own codes by status, and those that it shares with others."""
    shared: list[Mapping[int, Sequence[str]]] = [_ANY, _WITH_BODY] if body else [_ANY]
    statuses = sorted({status for table in [*shared, codes] for status in table})
    return {
        (status, PROBLEM): OpenApiResponse(
            _schema([code for table in [*shared, codes] for code in table.get(status, ())]),
            description=_SENTENCES[status],
            examples=[example for example in examples if example.status_codes == [str(status)]],
        )
        for status in statuses
    }


def problem_example(status: int, code: str, detail: str, **members: Any) -> OpenApiExample:
    """Return an example of a problem document."""
    titles = {400: "Bad Request", 404: "Not Found", 409: "Conflict", 422: "Unprocessable Entity"}
    return OpenApiExample(
        f"{status} {code}",
        value={
            "type": "about:blank",
            "title": titles[status],
            "status": status,
            "code": code,
            "detail": detail,
            "request_id": "0d7f3c1f1c0b4f7e9a52d8a3c1b0e6f4",
            **members,
        },
        response_only=True,
        status_codes=[str(status)],
        media_type=PROBLEM,
    )


def _schema(codes: Sequence[str]) -> dict[str, Any]:
    code = {"type": "string", "enum": list(codes)}
    return {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"type": "object", "properties": {"code": code}}]}
