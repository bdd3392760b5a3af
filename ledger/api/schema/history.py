"""Balances and history as they are declared."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from ledger.api.schema.problems import problems
from ledger.api.schema.shared import CODE, PAGING, PageSerializer, moment, order


class BalanceSerializer(serializers.Serializer[Any]):
    """A balance."""

    account = serializers.CharField()
    unit = serializers.CharField()
    balance = serializers.CharField(help_text="A decimal string in the unit's scale.")
    available = serializers.CharField(
        allow_null=True, help_text="What is above the floor; null without a floor, and for a past moment."
    )
    as_of = serializers.DateTimeField(help_text="Everything recorded before this moment is counted.")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # the name of a member, which DRF takes out of the class
        ["grid", "ledger"], help_text="Where the balance came from."
    )


class HistoryEntrySerializer(serializers.Serializer[Any]):
    """One entry of an account, with the balance after it."""

    id = serializers.CharField()
    operation = serializers.CharField()
    key = serializers.CharField(help_text="The idempotency key of the operation.")
    amount = serializers.CharField(help_text="Signed, in the unit's scale.")
    balance = serializers.CharField(help_text="The balance after this entry, in recorded order.")
    recorded_at = serializers.DateTimeField()
    effective_at = serializers.DateTimeField()


class HistoryPageSerializer(PageSerializer):
    """One page of history."""

    results = HistoryEntrySerializer(many=True)


_ETAG = {"type": "string"}

read_balance = extend_schema(
    operation_id="read_balance",
    tags=["balances"],
    summary="Read a balance",
    parameters=[
        CODE,
        moment("at", "As recorded: over the entries recorded strictly before this moment."),
        moment(
            "effective_at", "As effective: over the entries effective strictly before it, back-dated ones included."
        ),
        OpenApiParameter(
            "If-None-Match", _ETAG, OpenApiParameter.HEADER, description="The ETag of the balance that you have."
        ),
        OpenApiParameter(
            "ETag", _ETAG, OpenApiParameter.HEADER, response=[200, 304], description="Changes with the amounts (weak)."
        ),
    ],
    responses={
        200: OpenApiResponse(BalanceSerializer, description="The balance."),
        304: OpenApiResponse(None, description="The amounts are those that you have."),
        **problems({404: ["account_unknown"]}),
    },
    examples=[
        OpenApiExample(
            "Balance",
            value={
                "account": "user:42:wallet",
                "unit": "EUR",
                "balance": "25.00",
                "available": "25.00",
                "as_of": "2024-02-29T12:30:00.000000Z",
                "source": "grid",
            },
            response_only=True,
            status_codes=["200"],
        )
    ],
)
list_entries = extend_schema(
    operation_id="list_entries",
    tags=["balances"],
    summary="Read an account's history",
    parameters=[
        CODE,
        moment("from", "Recorded at or after this moment."),
        moment("to", "Recorded before this moment."),
        order("desc"),
        *PAGING,
    ],
    responses={
        200: OpenApiResponse(HistoryPageSerializer, description="One page."),
        **problems({404: ["account_unknown"]}),
    },
    examples=[
        OpenApiExample(
            "History",
            value={
                "results": [
                    {
                        "id": "812",
                        "operation": "407",
                        "key": "deposit-2024-02-29-1",
                        "amount": "25.00",
                        "balance": "25.00",
                        "recorded_at": "2024-02-29T12:30:00.000000Z",
                        "effective_at": "2024-02-29T12:30:00.000000Z",
                    }
                ],
                "next": None,
                "previous": None,
            },
            response_only=True,
            status_codes=["200"],
        )
    ],
)
