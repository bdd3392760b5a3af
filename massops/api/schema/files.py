"""The calls that answer files."""

from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from ledger.api.schema.problems import problems
from ledger.api.schema.shared import query
from massops.api.schema.shared import CSV, ID, STATE, TAG, View


def _file(
    operation_id: str, summary: str, parameters: Sequence[OpenApiParameter], codes: Any, example: str
) -> Callable[[View], View]:
    return extend_schema(
        operation_id=operation_id,
        tags=[TAG],
        summary=summary,
        parameters=list(parameters),
        responses={(200, CSV): OpenApiResponse(OpenApiTypes.STR, description="CSV, in UTF-8."), **problems(codes)},
        examples=[
            OpenApiExample("CSV", value=example, response_only=True, status_codes=["200"], media_type=CSV),
        ],
    )


errors_csv = _file(
    "read_mass_errors",
    "Every error, beside the file's own columns",
    [ID],
    STATE,
    "key,account,amount,line,column,code,message\n7,anna,x,8,amount,amount_invalid,'x' is not an amount\n",
)
results_csv = _file(
    "read_mass_results",
    "Every row with its outcome and operation",
    [ID],
    STATE,
    "line,key,outcome,operation,code,message\n2,a,posted,410,,\n",
)
template_csv = _file(
    "read_mass_template",
    "The header of a file that needs no mapping",
    [
        query(
            "kind",
            "Entries of one account, or transfers between two.",
            {"type": "string", "enum": ["entries", "transfers"]},
        )
    ],
    {},
    "key,account,amount,effective_at,description,metadata.reference\n",
)
