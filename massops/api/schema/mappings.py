"""Saved mappings: their documents and calls."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers

from ledger.api.schema.fields import MomentField, RequestSerializer, TextField
from ledger.api.schema.problems import problems
from ledger.api.schema.shared import JSON, PAGING
from massops.api.schema.shared import TAG
from massops.limits import NAME_CHARACTERS_MAX


class SavedMappingSerializer(serializers.Serializer[Any]):
    """A mapping by name."""

    name = serializers.CharField()
    mapping = serializers.JSONField()
    changed_by = serializers.CharField(help_text="The client, or the member of staff.")
    changed_at = MomentField()


class SavedMappingsSerializer(serializers.Serializer[Any]):
    """A page of saved mappings."""

    results = SavedMappingSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class NewMappingSerializer(RequestSerializer):
    """A mapping to keep under a name."""

    name = TextField(max_length=NAME_CHARACTERS_MAX)
    mapping = serializers.JSONField(help_text="What the columns of the file mean.")


_MAPPING = {
    "encoding": "cp1252",
    "separator": "semicolon",
    "key": ["TransNo", "Seq no"],
    "from_account": {"constant": "council:bank"},
    "to_account": {"column": "Supplier", "prefix": "supplier:"},
    "amount": {"column": "Amount", "decimal": ",", "thousands": "."},
    "effective_at": {"column": "Date"},
    "date_format": "%d.%m.%Y",
    "time_zone": "Europe/London",
}
_SAVED = {
    "name": "council spending",
    "mapping": _MAPPING,
    "changed_by": "payouts",
    "changed_at": "2024-02-29T12:00:00Z",
}
_NEW = OpenApiExample("A mapping", value={"name": "council spending", "mapping": _MAPPING}, request_only=True)
_CONFLICT = {409: ["mapping_known", "too_many_mappings"]}


def _saved(status: int) -> OpenApiExample:
    return OpenApiExample(f"A saved mapping, {status}", value=_SAVED, response_only=True, status_codes=[str(status)])


list_mappings = extend_schema(
    operation_id="list_mass_mappings",
    tags=[TAG],
    summary="List saved mappings",
    parameters=PAGING,
    responses={200: SavedMappingsSerializer, **problems({})},
    examples=[
        OpenApiExample(
            "A page of mappings",
            value={"results": [_SAVED], "next": None, "previous": None},
            response_only=True,
            status_codes=["200"],
        )
    ],
)
keep_mapping = extend_schema(
    operation_id="keep_mass_mapping",
    tags=[TAG],
    summary="Keep a mapping under a name",
    description="All clients share the names. A name keeps its mapping: 200 for the same once more, 409 for another.",
    request={JSON: NewMappingSerializer},
    responses={200: SavedMappingSerializer, 201: SavedMappingSerializer, **problems(_CONFLICT, body=True)},
    examples=[_NEW, _saved(200), _saved(201)],
)
read_mapping = extend_schema(
    operation_id="read_mass_mapping",
    tags=[TAG],
    summary="Read a saved mapping",
    parameters=[
        OpenApiParameter(
            "mapping",
            {"type": "string", "minLength": 1, "maxLength": NAME_CHARACTERS_MAX},
            OpenApiParameter.PATH,
            description="The mapping's name, percent-encoded.",
        )
    ],
    responses={200: SavedMappingSerializer, **problems({404: ["mapping_unknown"]})},
    examples=[_saved(200)],
)
