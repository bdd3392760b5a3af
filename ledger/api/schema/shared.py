"""Parameters, headers and answers that several calls declare."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from ledger.contracts import ACCEPTED, Refusal
from ledger.limits import KEY_CHARACTERS_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX

JSON = "application/json"
OUTCOMES = [ACCEPTED, *(str(refusal) for refusal in Refusal)]

CODE = OpenApiParameter(
    "code",
    {"type": "string", "minLength": 1, "maxLength": 128},
    OpenApiParameter.PATH,
    description="The account's code, percent-encoded.",
)
OPERATION = OpenApiParameter(
    "operation",
    {"type": "string", "pattern": "^[0-9]{1,18}$"},
    OpenApiParameter.PATH,
    description="The operation's id.",
)


def query(
    name: str, description: str, schema: dict[str, Any] | None = None, *, required: bool = False
) -> OpenApiParameter:
    """Return a query parameter."""
    return OpenApiParameter(
        name, schema or OpenApiTypes.STR, OpenApiParameter.QUERY, description=description, required=required
    )


def moment(name: str, description: str) -> OpenApiParameter:
    """Return an optional query parameter that is a time."""
    return query(name, f"{description} RFC 3339 with an offset.", {"type": "string", "format": "date-time"})


def order(default: str) -> OpenApiParameter:
    """Return the parameter that turns a list round."""
    return query("order", "The order of the list.", {"type": "string", "enum": ["asc", "desc"], "default": default})


PAGING = [
    query("cursor", "Where a page starts: take it from `next` or `previous` of the same list, with the same filters."),
    query(
        "limit",
        "How many results a page has.",
        {"type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX, "default": PAGE_ROWS_DEFAULT},
    ),
]
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    required=True,
    description=(
        "Names this request for ever, in this book and for this client: the same key with the same body is the same"
        " request and gets the same outcome; with another body it is refused (`key_reused`). Printable ASCII."
    ),
)
REPLAYED = OpenApiParameter(
    "Idempotent-Replayed",
    {"type": "string", "enum": ["true"]},
    OpenApiParameter.HEADER,
    response=[201, 422],
    description="Present where the key was used before: this is the outcome of the first request.",
)

PREFER = OpenApiParameter(
    "Prefer",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=(
        "`respond-async`: store the message now, answer 202, and post it later, by priority: `respond-async,"
        " priority=bulk`, or `normal` (the default) or `critical`, no higher than this client may."
    ),
)
PREFERENCE_APPLIED = OpenApiParameter(
    "Preference-Applied",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    response=[202],
    description="`respond-async`.",
)


def location(*statuses: int) -> OpenApiParameter:
    """Return the response header that says where the result is."""
    return OpenApiParameter(
        "Location",
        {"type": "string", "format": "uri-reference"},
        OpenApiParameter.HEADER,
        response=list(statuses),
        description="Where the result can be read again.",
    )


class PageSerializer(serializers.Serializer[Any]):
    """What every list has beside its `results`."""

    next = serializers.CharField(allow_null=True, help_text="The address of the next page, null on the last one.")
    previous = serializers.CharField(
        allow_null=True, help_text="The address of the page before, null on the first one."
    )


class StoredSerializer(serializers.Serializer[Any]):
    """What became of a message that was stored for later."""

    key = serializers.CharField()
    status = serializers.ChoiceField(["waiting", "done"])
    outcome = serializers.ChoiceField(OUTCOMES, allow_null=True, help_text="Null while it waits.")
    operation = serializers.CharField(allow_null=True, help_text="The operation that it became, null while it waits.")
    status_url = serializers.CharField(help_text="Where to ask again.")


STORED = {
    "key": "deposit-2024-02-29-1",
    "status": "waiting",
    "outcome": None,
    "operation": None,
    "status_url": "https://billing.example/api/v1/messages?key=deposit-2024-02-29-1",
}
