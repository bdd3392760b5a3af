"""Packed arrays arrive as they were, whether their values differ, are the same throughout, or are NULL."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ledger import arrays
from ledger.posting import execute

MOMENT = datetime(2024, 2, 29, 12, 30, 0, 123456, tzinfo=UTC)
OTHER = datetime(1999, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pack", "kind", "values"),
    [
        (arrays.int8s, "bigint[]", [2**63 - 1, -(2**63), 0]),
        (arrays.int8s, "bigint[]", [7, 7, 7]),
        (arrays.int8s, "bigint[]", [None, None]),
        (arrays.int8s, "bigint[]", [None, 5, None]),
        (arrays.texts, "text[]", ["a", "é", ""]),
        (arrays.texts, "text[]", ["same", "same"]),
        (arrays.texts, "text[]", ["same", None]),
        (arrays.moments, "timestamptz[]", [MOMENT, OTHER]),
        (arrays.moments, "timestamptz[]", [MOMENT, MOMENT]),
        (arrays.moments, "timestamptz[]", []),
    ],
)
def test_it_arrives_as_it_was(pack: Any, kind: str, values: list[Any]) -> None:
    assert execute(f"SELECT %b::{kind}", (pack(values),))[0] == values
