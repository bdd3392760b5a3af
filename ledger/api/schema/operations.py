"""Operations as they are declared: post one, read one, list, reverse."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from accounts.limits import CODE_CHARACTERS_MAX
from ledger.api.schema.fields import AmountField, MetadataField, MomentField, RequestSerializer, TextField, printable
from ledger.api.schema.problems import problem_example, problems
from ledger.api.schema.shared import (
    JSON,
    KEY,
    OPERATION,
    OUTCOMES,
    PAGING,
    PREFER,
    PREFERENCE_APPLIED,
    REPLAYED,
    STORED,
    PageSerializer,
    StoredSerializer,
    location,
    moment,
    order,
    query,
)
from ledger.contracts import KEY_REUSED, KEY_REUSED_SENTENCE, REFUSAL_SENTENCES, Kind, Refusal
from ledger.limits import DESCRIPTION_CHARACTERS_MAX, ENTRIES_PER_OPERATION_MAX

# What one message by itself can be refused with; the last code is for batches.
_REFUSALS = [KEY_REUSED, *(str(refusal) for refusal in Refusal if refusal is not Refusal.BATCH_REFUSED)]


class NewEntrySerializer(RequestSerializer):
    """One entry to post."""

    account = TextField(
        min_length=1, max_length=CODE_CHARACTERS_MAX, validators=[printable], help_text="The code of an account."
    )
    amount = AmountField(
        help_text="A signed decimal string in the account's unit: `12.34` increments, `-12.34` decrements. Not zero."
    )
    unit = TextField(
        required=False, allow_null=True, allow_blank=True, help_text="Where given, it must be the account's unit."
    )


class WordsSerializer(RequestSerializer):
    """What an operation may say beside its entries."""

    effective_at = MomentField(
        required=False,
        allow_null=True,
        help_text="When it is to count, where that is not now: any time past, at most 24 hours ahead.",
    )
    description = TextField(required=False, allow_null=True, allow_blank=True, max_length=DESCRIPTION_CHARACTERS_MAX)
    metadata = MetadataField(
        required=False, allow_null=True, help_text="References of your own; lists can be filtered by them."
    )


class NewOperationSerializer(WordsSerializer):
    """An operation to post: one entry is an increment or decrement, several are a group that is zero for each unit."""

    entries = serializers.ListField(
        child=NewEntrySerializer(),
        min_length=1,
        max_length=ENTRIES_PER_OPERATION_MAX,
        help_text="All or nothing; zero for each unit if there are several.",
    )


class ReversalSerializer(WordsSerializer):
    """What a reversal may say; its entries are the original's."""

    entries = serializers.ListField(
        child=NewEntrySerializer(), required=False, max_length=0, help_text="None: leave it out."
    )


class EntrySerializer(serializers.Serializer[Any]):
    """One entry of an operation."""

    id = serializers.CharField()
    account = serializers.CharField()
    unit = serializers.CharField()
    amount = serializers.CharField(help_text="Signed, in the unit's scale.")


class OperationSerializer(serializers.Serializer[Any]):
    """A message and what became of it."""

    id = serializers.CharField()
    book = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]  # the name of a member, which DRF takes out of the class
        help_text="The client that sent it."
    )
    key = serializers.CharField()
    kind = serializers.ChoiceField([str(kind) for kind in Kind])
    outcome = serializers.ChoiceField(OUTCOMES)
    received_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    effective_at = serializers.DateTimeField()
    description = serializers.CharField(allow_null=True)
    metadata = MetadataField()
    reverses = serializers.CharField(allow_null=True, help_text="The operation that it reverses.")
    entries = EntrySerializer(many=True, help_text="None where it was refused.")


class OperationsPageSerializer(PageSerializer):
    """One page of operations."""

    results = OperationSerializer(many=True)


_TIMES = {
    "received_at": "2024-02-29T12:30:00.000000Z",
    "recorded_at": "2024-02-29T12:30:00.002000Z",
    "effective_at": "2024-02-29T12:30:00.002000Z",
}
DEPOSIT = {
    "id": "407",
    "book": "main",
    "source": "shop",
    "key": "deposit-2024-02-29-1",
    "kind": "operation",
    "outcome": "accepted",
    **_TIMES,
    "description": "Deposit",
    "metadata": {"payment": "A-17"},
    "reverses": None,
    "entries": [{"id": "812", "account": "user:42:wallet", "unit": "EUR", "amount": "25.00"}],
}
_REVERSAL = {
    **DEPOSIT,
    "id": "408",
    "key": "undo-deposit-1",
    "kind": "reversal",
    "description": None,
    "metadata": {},
    "reverses": "407",
    "entries": [{"id": "813", "account": "user:42:wallet", "unit": "EUR", "amount": "-25.00"}],
}
_REFUSED = problem_example(422, Refusal.BELOW_FLOOR, REFUSAL_SENTENCES[Refusal.BELOW_FLOOR], operation="409")
_REUSED = problem_example(
    422,
    KEY_REUSED,
    KEY_REUSED_SENTENCE,
    errors=[{"pointer": "header:Idempotency-Key", "code": KEY_REUSED, "detail": KEY_REUSED_SENTENCE}],
)
_MALFORMED = problem_example(
    400,
    "invalid_request",
    "An amount must not be zero.",
    errors=[{"pointer": "/entries/0/amount", "code": "invalid_amount", "detail": "An amount must not be zero."}],
)

_LATER = OpenApiResponse(
    StoredSerializer, description="Stored; it is posted later. Asked for with `Prefer: respond-async`."
)
_STORED = OpenApiExample("Stored", value=STORED, response_only=True, status_codes=["202"])

post_operation = extend_schema(
    operation_id="post_operation",
    tags=["operations"],
    summary="Post an operation",
    parameters=[KEY, PREFER, REPLAYED, PREFERENCE_APPLIED, location(201, 202)],
    request={JSON: NewOperationSerializer},
    responses={
        201: OpenApiResponse(
            OperationSerializer, description="Accepted and recorded, now or when the key was first used."
        ),
        202: _LATER,
        **problems({403: ["priority_forbidden"], 422: _REFUSALS}, body=True, examples=[_MALFORMED, _REFUSED, _REUSED]),
    },
    examples=[
        OpenApiExample(
            "An increment",
            value={
                "entries": [{"account": "user:42:wallet", "amount": "25.00"}],
                "description": "Deposit",
                "metadata": {"payment": "A-17"},
            },
            request_only=True,
        ),
        OpenApiExample(
            "A transfer",
            value={
                "entries": [
                    {"account": "user:42:wallet", "amount": "-12.34"},
                    {"account": "user:7:wallet", "amount": "12.34", "unit": "EUR"},
                ],
                "effective_at": "2024-02-29T12:30:00+01:00",
            },
            request_only=True,
        ),
        OpenApiExample("Operation", value=DEPOSIT, response_only=True, status_codes=["201"]),
        _STORED,
    ],
)
list_operations = extend_schema(
    operation_id="list_operations",
    tags=["operations"],
    summary="List operations",
    parameters=[
        query("key", "Posted by you with this idempotency key."),
        query("account", "The code of an account that they changed; with a refused `outcome`, would have changed."),
        query("outcome", "What became of them.", {"type": "string", "enum": OUTCOMES}),
        moment("from", "Recorded at or after this moment."),
        moment("to", "Recorded before this moment."),
        query("metadata.NAME", "With this value of the metadata member NAME; any name, and more than one of them."),
        order("desc"),
        *PAGING,
    ],
    responses={
        200: OpenApiResponse(OperationsPageSerializer, description="One page."),
        **problems({404: ["account_unknown"]}),
    },
    examples=[
        OpenApiExample(
            "Operations",
            value={"results": [_REVERSAL, DEPOSIT], "next": None, "previous": None},
            response_only=True,
            status_codes=["200"],
        )
    ],
)
read_operation = extend_schema(
    operation_id="read_operation",
    tags=["operations"],
    summary="Read an operation",
    parameters=[OPERATION],
    responses={
        200: OpenApiResponse(OperationSerializer, description="The operation, accepted or refused."),
        **problems({404: ["operation_unknown"]}),
    },
    examples=[OpenApiExample("Operation", value=DEPOSIT, response_only=True, status_codes=["200"])],
)
reverse_operation = extend_schema(
    operation_id="reverse_operation",
    tags=["operations"],
    summary="Reverse an operation",
    parameters=[OPERATION, KEY, PREFER, REPLAYED, PREFERENCE_APPLIED, location(201, 202)],
    request={JSON: ReversalSerializer},
    responses={
        201: OpenApiResponse(OperationSerializer, description="Reversed, now or when the key was first used."),
        202: _LATER,
        **problems(
            {403: ["priority_forbidden"], 404: ["operation_unknown"], 422: _REFUSALS}, body=True, examples=[_REUSED]
        ),
    },
    examples=[
        OpenApiExample(
            "With words", value={"description": "Paid twice", "metadata": {"ticket": "T-9"}}, request_only=True
        ),
        OpenApiExample("Reversal", value=_REVERSAL, response_only=True, status_codes=["201"]),
        _STORED,
    ],
)
