"""Messages that are posted later, as they are declared."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from ledger.api.schema.problems import problems
from ledger.api.schema.shared import STORED, StoredSerializer, query

read_message = extend_schema(
    operation_id="read_message",
    tags=["operations"],
    summary="Ask what became of a message",
    parameters=[query("key", "The idempotency key of one of your messages.", required=True)],
    responses={
        200: OpenApiResponse(StoredSerializer, description="Whether it waits, or its outcome."),
        **problems({404: ["message_unknown"]}),
    },
    examples=[OpenApiExample("Waiting", value=STORED, response_only=True, status_codes=["200"])],
)
