"""Batches as they are declared."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from ledger.api.schema.fields import RequestSerializer, TextField, printable
from ledger.api.schema.operations import NewOperationSerializer
from ledger.api.schema.problems import problem_example, problems
from ledger.api.schema.shared import JSON, PREFER, PREFERENCE_APPLIED
from ledger.contracts import KEY_REUSED, Refusal
from ledger.limits import BATCH_OPERATIONS_MAX, KEY_CHARACTERS_MAX


class KeyedOperationSerializer(NewOperationSerializer):
    """An operation of a batch: with its idempotency key."""

    key = TextField(
        min_length=1,
        max_length=KEY_CHARACTERS_MAX,
        validators=[printable],
        help_text="The operation's own idempotency key.",
    )


class BatchSerializer(RequestSerializer):
    """Operations to post."""

    mode = serializers.ChoiceField(
        ["each", "all"],
        required=False,
        help_text="`each` (default): every operation by itself. `all`: all of them, or none if one is refused.",
    )
    operations = serializers.ListField(child=KeyedOperationSerializer(), min_length=1, max_length=BATCH_OPERATIONS_MAX)


class BatchResultSerializer(serializers.Serializer[Any]):
    """What became of one operation of a batch."""

    key = serializers.CharField()
    status = serializers.ChoiceField(
        ["created", "replayed", "refused", "waiting"],
        help_text="`replayed`: accepted when the key was first used. `waiting`: stored, to be posted later.",
    )
    id = serializers.CharField(
        required=False, help_text="The operation; absent while it waits, and where the key was reused."
    )
    code = serializers.ChoiceField(
        [KEY_REUSED, *(str(refusal) for refusal in Refusal)], required=False, help_text="Why it was refused."
    )
    replayed = serializers.BooleanField(required=False, help_text="True where the key was used before.")


class BatchResultsSerializer(serializers.Serializer[Any]):
    """One result for each operation, in order."""

    results = BatchResultSerializer(many=True)


post_batch = extend_schema(
    operation_id="post_batch",
    tags=["operations"],
    summary="Post many operations",
    parameters=[PREFER, PREFERENCE_APPLIED],
    request={JSON: BatchSerializer},
    responses={
        200: OpenApiResponse(BatchResultsSerializer, description="One result each, in order."),
        202: OpenApiResponse(
            BatchResultsSerializer, description="Stored; they are posted later. Asked for with `Prefer: respond-async`."
        ),
        **problems(
            {403: ["priority_forbidden"]},
            body=True,
            examples=[
                problem_example(
                    400,
                    "invalid_request",
                    "An amount must not be zero.",
                    errors=[
                        {
                            "pointer": "/operations/17/entries/0/amount",
                            "code": "invalid_amount",
                            "detail": "An amount must not be zero.",
                        }
                    ],
                )
            ],
        ),
    },
    examples=[
        OpenApiExample(
            "Each by itself",
            value={
                "operations": [
                    {"key": "salary-42", "entries": [{"account": "user:42:wallet", "amount": "1200.00"}]},
                    {"key": "salary-7", "entries": [{"account": "user:7:wallet", "amount": "1350.00"}]},
                ]
            },
            request_only=True,
        ),
        OpenApiExample(
            "All or nothing",
            value={
                "mode": "all",
                "operations": [
                    {
                        "key": "rent-42",
                        "entries": [
                            {"account": "user:42:wallet", "amount": "-600.00"},
                            {"account": "fees", "amount": "600.00"},
                        ],
                        "description": "Rent",
                    }
                ],
            },
            request_only=True,
        ),
        OpenApiExample(
            "Results",
            value={
                "results": [
                    {"key": "salary-42", "status": "created", "id": "410"},
                    {"key": "salary-7", "status": "refused", "id": "411", "code": "account_closed"},
                ]
            },
            response_only=True,
            status_codes=["200"],
        ),
        OpenApiExample(
            "Stored",
            value={"results": [{"key": "salary-42", "status": "waiting"}]},
            response_only=True,
            status_codes=["202"],
        ),
    ],
)
