"""Mass operations as they are declared in the schema."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from ledger.api.schema.fields import MomentField, RequestSerializer, TextField
from ledger.api.schema.problems import problems
from ledger.api.schema.shared import JSON, PAGING, location, order, query
from ledger.contracts import Priority
from massops.limits import FILE_BYTES_MAX, FILE_ROWS_MAX, NAME_CHARACTERS_MAX, REASON_CHARACTERS_MAX
from massops.models import Kind, Mode, State

View = TypeVar("View", bound=Callable[..., Any])
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
TAG = "mass operations"
_UNKNOWN = {404: ["mass_operation_unknown"]}
_STATE = {**_UNKNOWN, 409: ["state"]}
ID = OpenApiParameter(
    "mass_operation",
    {"type": "string", "pattern": "^[0-9]{1,18}$"},
    OpenApiParameter.PATH,
    description="The mass operation's id. A client sees its own.",
)


class _UnitSerializer(serializers.Serializer[Any]):
    """Sums of the good rows in one unit."""

    unit = serializers.CharField()
    rows = serializers.IntegerField()
    sum = serializers.CharField()
    smallest = serializers.CharField()
    largest = serializers.CharField()
    increments = serializers.CharField()
    decrements = serializers.CharField()


class _UnknownSerializer(serializers.Serializer[Any]):
    """An account that rows name and that does not exist."""

    account = serializers.CharField()
    rows = serializers.IntegerField()
    unit = serializers.CharField(allow_null=True, help_text="The unit that the rows state, if they do.")


class _BelowFloorSerializer(serializers.Serializer[Any]):
    """A forecast: an account that the rows would take below its floor."""

    account = serializers.CharField()
    unit = serializers.CharField()
    balance = serializers.CharField()
    lowest = serializers.CharField()
    floor = serializers.CharField()
    line = serializers.IntegerField(help_text="The first line that would be refused.")


class _MassFileSerializer(serializers.Serializer[Any]):
    """The file as stored."""

    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()


class _MassCheckSerializer(serializers.Serializer[Any]):
    """What the check found; while it is running, how many rows it has read."""

    rows_read = serializers.IntegerField()
    rows_good = serializers.IntegerField()
    rows_bad = serializers.IntegerField()
    readable = serializers.BooleanField(help_text="Whether the file could be read to its end.")
    checked_at = MomentField(allow_null=True)
    units = _UnitSerializer(many=True)
    accounts = serializers.IntegerField()
    unknown = serializers.IntegerField(help_text="How many accounts do not exist; the most frequent are listed.")
    unknown_accounts = _UnknownSerializer(many=True)
    below_floor = _BelowFloorSerializer(many=True)
    errors = serializers.DictField(  # type: ignore[assignment]  # the name of a member, which DRF takes out of the class
        child=serializers.IntegerField(), help_text="How many rows have an error, by code."
    )
    notices = serializers.ListField(child=serializers.CharField())


class _MassDecisionSerializer(serializers.Serializer[Any]):
    """What was decided."""

    mode = serializers.ChoiceField(Mode.values)
    priority = serializers.ChoiceField(list(Priority))
    effective_at = MomentField(allow_null=True)
    start_at = MomentField(allow_null=True)
    decided_by = serializers.CharField()
    decided_at = MomentField()
    approval = serializers.CharField(allow_null=True, help_text="The approval by which a second person decides.")


class _MassProgressSerializer(serializers.Serializer[Any]):
    """How far the posting is."""

    row = serializers.IntegerField(help_text="Every row up to this one has its outcome.")
    rows = serializers.IntegerField()
    share = serializers.FloatField()
    posted = serializers.IntegerField()
    refused = serializers.IntegerField()
    refusals = serializers.DictField(child=serializers.IntegerField())
    sums = serializers.DictField(child=serializers.CharField())
    seconds = serializers.FloatField()
    rows_per_second = serializers.IntegerField()
    seconds_left = serializers.IntegerField(allow_null=True)


class MassOperationSerializer(serializers.Serializer[Any]):
    """A mass operation."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(Kind.values)
    name = serializers.CharField()
    state = serializers.ChoiceField(State.values)
    asked = serializers.ChoiceField(
        ["pause", "cancel"], allow_null=True, help_text="What the worker is going to do after its batch."
    )
    failure = serializers.CharField(allow_null=True)
    reverses = serializers.CharField(allow_null=True)
    file = _MassFileSerializer(allow_null=True)
    mapping = serializers.CharField(allow_null=True)
    keys = serializers.ChoiceField(["own", "fresh"])
    created_at = MomentField()
    state_at = MomentField()
    check = _MassCheckSerializer(allow_null=True)
    decision = _MassDecisionSerializer(allow_null=True)
    progress = _MassProgressSerializer(allow_null=True)


class MassOperationsSerializer(serializers.Serializer[Any]):
    """A page of mass operations."""

    results = MassOperationSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class MassCheckSerializer(RequestSerializer):
    """How to check again."""

    mapping = serializers.JSONField(
        required=False,
        help_text="The name of a saved mapping, a mapping itself, or null for the template; absent: as before.",
    )
    keys = serializers.ChoiceField(
        ["own", "fresh"],
        required=False,
        help_text="`own` (default): a row's key names it for ever. `fresh`: in this upload only.",
    )
    open_unit = TextField(
        required=False,
        max_length=32,
        help_text="Open the unknown accounts, in this unit unless a row states one. Needs `accounts:write`.",
    )


class MassDecisionSerializer(RequestSerializer):
    """A decision."""

    mode = serializers.ChoiceField(Mode.values, help_text="`each` good row, or `all` rows or none, in one transaction.")
    rows = serializers.IntegerField(min_value=0, help_text="How many good rows the check showed.")
    priority = serializers.ChoiceField(
        list(Priority), required=False, help_text="`bulk` (default) gives way to everybody."
    )
    effective_at = MomentField(required=False, allow_null=True, help_text="For all rows, in place of their own.")
    start_at = MomentField(required=False, allow_null=True, help_text="When to begin; absent: now.")


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


class MassReasonSerializer(RequestSerializer):
    """Why."""

    reason = TextField(required=False, allow_blank=True, max_length=REASON_CHARACTERS_MAX)


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
    responses={200: MassOperationSerializer, **problems(_UNKNOWN)},
    examples=[_shown(200)],
)
check_again = _act(
    "check_mass_operation",
    "Check again",
    MassCheckSerializer,
    {**_STATE, 403: ["insufficient_scope"]},
    [("Open accounts", {"open_unit": "GBP"}), ("Another mapping", {"mapping": "council spending", "keys": "fresh"})],
)
decide = _act(
    "decide_mass_operation",
    "Decide to post the good rows",
    MassDecisionSerializer,
    {
        **_UNKNOWN,
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
pause = _act("pause_mass_operation", "Pause between two batches", MassReasonSerializer, _STATE, _REASON)
resume = _act("resume_mass_operation", "Go on", MassReasonSerializer, _STATE, _REASON)
cancel = _act("cancel_mass_operation", "Cancel what is still to come", MassReasonSerializer, _STATE, _REASON)
reverse = _act(
    "reverse_mass_operation",
    "Reverse all that it posted, with the same steps",
    MassReasonSerializer,
    {**_UNKNOWN, 409: ["state", "not_reversible"]},
    _REASON,
)


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
    _STATE,
    "key,account,amount,line,column,code,message\n7,anna,x,8,amount,amount_invalid,'x' is not an amount\n",
)
results_csv = _file(
    "read_mass_results",
    "Every row with its outcome and operation",
    [ID],
    _STATE,
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
