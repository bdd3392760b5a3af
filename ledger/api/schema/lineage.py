"""Lineage as it is declared."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from ledger.api.schema.operations import DEPOSIT, EntrySerializer, OperationSerializer
from ledger.api.schema.problems import problems
from ledger.api.schema.seals import SealPositionSerializer
from ledger.api.schema.shared import OPERATION
from ledger.contracts import Kind


class SourceSerializer(serializers.Serializer[Any]):
    """Who sent a message."""

    kind = serializers.ChoiceField(["client", "staff", "system"])
    name = serializers.CharField()
    credential = serializers.CharField(help_text="Which access token it came with; never the token itself.")


class MessageSerializer(serializers.Serializer[Any]):
    """A message exactly as it was received."""

    key = serializers.CharField()
    kind = serializers.ChoiceField([str(kind) for kind in Kind])
    received_at = serializers.DateTimeField()
    body_base64 = serializers.CharField(help_text="The bytes of the body.")
    body = serializers.CharField(help_text="The same as text.")
    hash = serializers.RegexField(
        r"\A[0-9a-f]{64}\Z",
        help_text="SHA-256 over the kind and the canonical form (RFC 8785): the request's fingerprint.",
    )


class SignatureSerializer(serializers.Serializer[Any]):
    """What proves that the holder of a key asked for it (RFC 9421): check the signature over the UTF-8 of the base."""

    batch = serializers.CharField(
        required=False,
        help_text="Of an operation of a batch: the SHA-256 of the whole body that was signed, in hex. It is kept.",
    )
    algorithm = serializers.ChoiceField(["ed25519"])
    key_id = serializers.CharField()
    public_key = serializers.CharField(help_text="The 32 bytes of the key, in base64.")
    signature_base = serializers.CharField(help_text="The text that was signed; it names the digest of the body.")
    signature = serializers.CharField(help_text="The 64 bytes of the signature, in base64.")


class LineageSerializer(serializers.Serializer[Any]):
    """Where an operation came from and what came of it."""

    request_id = serializers.CharField(
        allow_null=True, help_text="The X-Request-Id under which the message was received, if it came as a request."
    )
    traceparent = serializers.CharField(
        allow_null=True, help_text="The caller's place in its trace (W3C Trace Context), if it named one."
    )
    source = SourceSerializer()  # type: ignore[assignment]  # the name of a member, which DRF takes out of the class
    message = MessageSerializer()
    signature = SignatureSerializer(allow_null=True, help_text="Null where the request was not signed.")
    operation = OperationSerializer()
    seal = SealPositionSerializer()
    reversed_by = serializers.CharField(allow_null=True, help_text="The operation that reversed it.")


class EntryWithLineageSerializer(EntrySerializer):
    """An entry with the way back to its message."""

    recorded_at = serializers.DateTimeField()
    effective_at = serializers.DateTimeField()
    lineage = LineageSerializer()


_LINEAGE = {
    "request_id": "0d7f3c1f1c0b4f7e9a52d8a3c1b0e6f4",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "source": {"kind": "client", "name": "shop", "credential": "31"},
    "message": {
        "key": "deposit-2024-02-29-1",
        "kind": "operation",
        "received_at": "2024-02-29T12:30:00.000000Z",
        "body_base64": "eyJlbnRyaWVzIjpbeyJhY2NvdW50IjoidXNlcjo0Mjp3YWxsZXQiLCJhbW91bnQiOiIyNS4wMCJ9XX0=",
        "body": '{"entries":[{"account":"user:42:wallet","amount":"25.00"}]}',
        "hash": "b3a1f2c4d5e6978812a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809",
    },
    "signature": None,
    "operation": DEPOSIT,
    "seal": {"status": "sealed", "block": "97", "index": "1040"},
    "reversed_by": None,
}

read_lineage = extend_schema(
    operation_id="read_lineage",
    tags=["lineage"],
    summary="Follow an operation to its source and its entries",
    parameters=[OPERATION],
    responses={
        200: OpenApiResponse(LineageSerializer, description="The lineage."),
        **problems({404: ["operation_unknown"], 503: ["archive_unavailable"]}),
    },
    examples=[OpenApiExample("Lineage", value=_LINEAGE, response_only=True, status_codes=["200"])],
)
read_entry = extend_schema(
    operation_id="read_entry",
    tags=["lineage"],
    summary="Read an entry and the way back to its message",
    parameters=[
        OpenApiParameter(
            "entry",
            {"type": "string", "pattern": "^[0-9]{1,18}$"},
            OpenApiParameter.PATH,
            description="The entry's id.",
        )
    ],
    responses={
        200: OpenApiResponse(EntryWithLineageSerializer, description="The entry."),
        **problems({404: ["entry_unknown"], 503: ["archive_unavailable"]}),
    },
    examples=[
        OpenApiExample(
            "Entry",
            value={
                "id": "812",
                "account": "user:42:wallet",
                "unit": "EUR",
                "amount": "25.00",
                "recorded_at": "2024-02-29T12:30:00.002000Z",
                "effective_at": "2024-02-29T12:30:00.002000Z",
                "lineage": _LINEAGE,
            },
            response_only=True,
            status_codes=["200"],
        )
    ],
)
