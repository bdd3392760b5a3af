"""What the declarations share: names, media types, the id in an address, codes."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiParameter

View = TypeVar("View", bound=Callable[..., Any])
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
TAG = "mass operations"
UNKNOWN = {404: ["mass_operation_unknown"]}
STATE = {**UNKNOWN, 409: ["state"]}
ID = OpenApiParameter(
    "mass_operation",
    {"type": "string", "pattern": "^[0-9]{1,18}$"},
    OpenApiParameter.PATH,
    description="The mass operation's id. A client sees its own.",
)
