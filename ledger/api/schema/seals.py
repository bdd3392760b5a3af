"""The chain as it is declared."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from ledger.api.schema.problems import problems
from ledger.api.schema.shared import OPERATION, PAGING, PageSerializer, order, query
from ledger.sealing.evidence import SealState

_STATES = [str(state) for state in SealState]
_STATUS_HELP = (
    "`pending` until a signed head covers it, a second or two; `sealed` from then on, for ever. `quarantined`: it did not come"
    " through this service; `contradicted`: its record was changed after it was sealed. Both are alarms."
)


class SealPositionSerializer(serializers.Serializer[Any]):
    """Where an operation stands in the chain."""

    status = serializers.ChoiceField(_STATES, help_text=_STATUS_HELP)
    block = serializers.CharField(allow_null=True, help_text="The number of its block.")
    index = serializers.CharField(allow_null=True, help_text="The place of its leaf in the tree, from 0.")


class SealSerializer(serializers.Serializer[Any]):
    """A block of the chain."""

    number = serializers.CharField()
    incarnation = serializers.CharField(help_text="One more after each restore that lost something.")
    size = serializers.CharField(help_text="The number of leaves of the chain, this block's included.")
    root = serializers.CharField(  # type: ignore[assignment]  # the name of a member, which DRF takes out of the class
        help_text="The root over all of them, in hexadecimal."
    )
    operations = serializers.CharField(help_text="How many operations the block seals.")
    to = serializers.CharField(help_text="It covers operations with ids up to this,")
    sealed_at = serializers.DateTimeField()
    header = serializers.CharField(help_text="The first leaf of the block, canonical JSON with control totals.")
    checkpoint = serializers.CharField(
        allow_null=True, help_text="The signed head (c2sp.org/tlog-checkpoint); null where a later block's covers it."
    )

    def get_fields(self) -> dict[str, Any]:
        """Add the member whose name is a word of Python."""
        return super().get_fields() | {"from": serializers.CharField(help_text="and above this.")}


class SealPageSerializer(PageSerializer):
    """One page of blocks."""

    results = SealSerializer(many=True)


class ReceiptSerializer(SealPositionSerializer):
    """The proof that an operation is in the chain."""

    operation = serializers.CharField()
    leaf = serializers.CharField(allow_null=True, help_text="What was sealed of the operation, canonical JSON.")
    checkpoint = serializers.CharField(allow_null=True, help_text="The signed head that covers it.")
    receipt = serializers.CharField(
        allow_null=True,
        help_text="Both with the hashes between them, as one text (c2sp.org/tlog-proof): keep it in a file, check it offline.",
    )


class ConsistencySerializer(serializers.Serializer[Any]):
    """That a chain has only grown."""

    to = serializers.CharField()
    proof = serializers.ListField(child=serializers.CharField(), help_text="Hashes in base64, as RFC 6962 orders them.")

    def get_fields(self) -> dict[str, Any]:
        """Add the member whose name is a word of Python."""
        return super().get_fields() | {"from": serializers.CharField()}


_CHECKPOINT = (
    "billing.example/main/1\n1048\nqVtMcmYhN8SmVJ9GvQ9p3n3s6R0K1mI8z9Vb2kYw3dE=\n\n"
    "\N{EM DASH} billing.example 3n3s6R0K1mI8z9Vb2kYw3dEqVtMcmYhN8SmVJ9GvQ9p\n"
)
_SEAL = {
    "number": "97",
    "incarnation": "1",
    "size": "1048",
    "root": "a95b4c72662137c4a6549f46bd0f69de7dece91d0ad6623ccfd55bda4630ddd1",
    "operations": "12",
    "from": "1002",
    "to": "1019",
    "sealed_at": "2024-02-29T12:30:01.000000Z",
    "header": '{"book":"main","count":"12"}',
    "checkpoint": _CHECKPOINT,
}
_RECEIPT = {
    "operation": "1007",
    "status": "sealed",
    "block": "97",
    "index": "1040",
    "leaf": '{"book":"main","id":"1007"}',
    "checkpoint": _CHECKPOINT,
    "receipt": "c2sp.org/tlog-proof@v1\nextra eyJib29rIjoibWFpbiJ9\nindex 1040\n\n" + _CHECKPOINT,
}
_SIZE = {"type": "string", "pattern": "^[0-9]{1,18}$"}

list_seals = extend_schema(
    operation_id="list_seals",
    tags=["seals"],
    summary="List the blocks of the chain",
    parameters=[order("desc"), *PAGING],
    responses={200: OpenApiResponse(SealPageSerializer, description="A page of blocks."), **problems({})},
    examples=[
        OpenApiExample(
            "Blocks",
            value={"results": [_SEAL], "next": None, "previous": None},
            response_only=True,
            status_codes=["200"],
        )
    ],
)
read_latest_seal = extend_schema(
    operation_id="read_latest_seal",
    tags=["seals"],
    summary="Read the newest signed head of the chain",
    responses={200: OpenApiResponse(SealSerializer, description="The block."), **problems({404: ["seal_unknown"]})},
    examples=[OpenApiExample("Head", value=_SEAL, response_only=True, status_codes=["200"])],
)
read_receipt = extend_schema(
    operation_id="read_receipt",
    tags=["seals"],
    summary="Read the proof that an operation is in the chain",
    parameters=[OPERATION],
    responses={
        200: OpenApiResponse(ReceiptSerializer, description="The receipt, or that it is not there yet."),
        **problems({404: ["operation_unknown"], 503: ["archive_unavailable"]}),
    },
    examples=[OpenApiExample("Receipt", value=_RECEIPT, response_only=True, status_codes=["200"])],
)
read_consistency = extend_schema(
    operation_id="read_consistency",
    tags=["seals"],
    summary="Read the proof that the chain has only grown between two sizes",
    parameters=[
        query("from", "The smaller size; from 0 the proof is empty.", _SIZE, required=True),
        query("to", "The larger size, at most the newest.", _SIZE, required=True),
    ],
    responses={
        200: OpenApiResponse(ConsistencySerializer, description="The proof."),
        **problems({404: ["seal_unknown"]}),
    },
    examples=[
        OpenApiExample(
            "Proof", value={"from": "1040", "to": "1048", "proof": []}, response_only=True, status_codes=["200"]
        )
    ],
)
