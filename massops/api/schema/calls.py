"""The calls that upload, list, read and move mass operations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema

from ledger.api.schema.problems import problems
from ledger.api.schema.shared import JSON, PAGING, location, order, query
from massops.api.schema.documents import (
    MassCheckSerializer,
    MassDecisionSerializer,
    MassOperationSerializer,
    MassOperationsSerializer,
    MassReasonSerializer,
)
from massops.api.schema.shared import CSV, ID, STATE, TAG, UNKNOWN, XLSX, View
from massops.limits import FILE_BYTES_MAX, FILE_ROWS_MAX
from massops.models import State

_EXAMPLE = {
    "id": "17", "kind": "file", "name": "payouts.csv", "state": "posting", "asked": None, "failure": None, "reverses": None,
    "file": {"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "size_bytes": 81920},
    "mapping": None, "keys": "own", "created_at": "2024-02-29T12:00:00Z", "state_at": "2024-02-29T12:00:09Z",
    "check": {
        "rows_read": 4471, "rows_good": 4470, "rows_bad": 1, "readable": True, "checked_at": "2024-02-29T12:00:01Z",
        "units": [{
            "unit": "GBP", "rows": 4470, "sum": "13883600.45", "smallest": "-200.00", "largest": "500000.00",
            "increments": "13883800.45", "decrements": "-200.00",
        }],
        "accounts": 620, "unknown": 0, "unknown_accounts": [], "errors": {"amount_invalid": 1}, "notices": [],
        "below_floor": [{
            "account": "council:bank", "unit": "GBP", "balance": "100.00", "lowest": "-5.00", "floor": "0.00", "line": 77,
        }],
    },
    "decision": {
        "mode": "each", "priority": "bulk", "effective_at": None, "start_at": None, "decided_by": "payouts",
        "decided_at": "2024-02-29T12:00:08Z", "approval": "5",
    },
    "progress": {
        "row": 2000, "rows": 4471, "share": 0.4473, "posted": 1999, "refused": 1, "refusals": {"below_floor": 1},
        "sums": {"GBP": "6100200.10"}, "seconds": 0.2, "rows_per_second": 10000, "seconds_left": 0,
    },
}  # fmt: skip


def _shown(status: int) -> OpenApiExample:
    return OpenApiExample("A mass operation", value=_EXAMPLE, response_only=True, status_codes=[str(status)])


def _act(
    operation_id: str, summary: str, body: Any, codes: Mapping[int, Sequence[str]], examples: Sequence[Any]
) -> Callable[[View], View]:
    """Declare a call that moves a mass operation: 202 with it."""
    return extend_schema(
        operation_id=operation_id,
        tags=[TAG],
        summary=summary,
        parameters=[ID, location(202)],
        request={JSON: body},
        responses={202: MassOperationSerializer, **problems(codes, body=True)},
        examples=[
            *(OpenApiExample(name, value=value, request_only=True) for name, value in examples),
            _shown(202),
        ],
    )


upload_file = extend_schema(
    operation_id="upload_mass_operation",
    tags=[TAG],
    summary="Upload a file of rows",
    description=(
        f"CSV or XLSX, at most {FILE_BYTES_MAX // 1024**2} MiB and {FILE_ROWS_MAX:,} rows; send it as the body, or as the part"
        " `file` of a form. It is stored as received and checked at once; nothing is posted before a decision."
    ),
    parameters=[
        query("name", "What people call it; the file's name otherwise."),
        query("mapping", "A saved mapping. Without one the file has the columns of the template."),
        query(
            "keys",
            "`own`: a row's key names it for ever. `fresh`: in this upload only.",
            {"type": "string", "enum": ["own", "fresh"], "default": "own"},
        ),
        query(
            "again",
            "`true`: the same file was uploaded before, and it is meant.",
            {"type": "string", "enum": ["true", "false"], "default": "false"},
        ),
        query(
            "check", "`false`: do not check it yet.", {"type": "string", "enum": ["true", "false"], "default": "true"}
        ),
        location(202),
    ],
    request={
        CSV: OpenApiTypes.BINARY,
        XLSX: OpenApiTypes.BINARY,
        "application/octet-stream": OpenApiTypes.BINARY,
        "multipart/form-data": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}},
    },
    responses={202: MassOperationSerializer, **problems({409: ["file_known"]}, body=True)},
    examples=[_shown(202)],
)
list_mass_operations = extend_schema(
    operation_id="list_mass_operations",
    tags=[TAG],
    summary="List your mass operations",
    parameters=[
        query("state", "Only those in this state.", {"type": "string", "enum": list(State.values)}),
        order("desc"),
        *PAGING,
    ],
    responses={200: MassOperationsSerializer, **problems({})},
    examples=[
        OpenApiExample(
            "A page",
            value={"results": [_EXAMPLE], "next": None, "previous": None},
            response_only=True,
            status_codes=["200"],
        )
    ],
)
read_mass_operation = extend_schema(
    operation_id="read_mass_operation",
    tags=[TAG],
    summary="Read a mass operation: its check, decision and progress",
    parameters=[ID],
    responses={200: MassOperationSerializer, **problems(UNKNOWN)},
    examples=[_shown(200)],
)
check_again = _act(
    "check_mass_operation",
    "Check again",
    MassCheckSerializer,
    {**STATE, 403: ["insufficient_scope"]},
    [("Open accounts", {"open_unit": "GBP"}), ("Another mapping", {"mapping": "council spending", "keys": "fresh"})],
)
decide = _act(
    "decide_mass_operation",
    "Decide to post the good rows",
    MassDecisionSerializer,
    {
        **UNKNOWN,
        403: ["priority_forbidden"],
        409: [
            "state",
            "unreadable",
            "rows_differ",
            "no_rows",
            "rows_bad",
            "too_many_for_all",
            "too_many_locks_for_all",
            "effective_ahead",
            "start_ahead",
        ],
    },
    [
        ("Each good row", {"mode": "each", "rows": 4470}),
        ("All or nothing", {"mode": "all", "rows": 4471, "priority": "normal", "effective_at": "2024-02-29T00:00:00Z"}),
    ],
)
_REASON = [("Why", {"reason": "The bank's file was not complete."})]
pause = _act("pause_mass_operation", "Pause between two batches", MassReasonSerializer, STATE, _REASON)
resume = _act("resume_mass_operation", "Go on", MassReasonSerializer, STATE, _REASON)
cancel = _act("cancel_mass_operation", "Cancel what is still to come", MassReasonSerializer, STATE, _REASON)
reverse = _act(
    "reverse_mass_operation",
    "Reverse all that it posted, with the same steps",
    MassReasonSerializer,
    {**UNKNOWN, 409: ["state", "not_reversible"]},
    _REASON,
)
