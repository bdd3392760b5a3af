"""Parameters of the posting statement: arrays in PostgreSQL's binary form, packed by `struct` in one go.

psycopg's own array dumpers walk every element in Python; for the dozen arrays of a posting call that costs more than the rest
of the request. The form: dimensions, has-null, element type, length, lower bound, then each element with its size in front;
size -1 is NULL (src/backend/utils/adt/arrayfuncs.c, array_recv).
"""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from operator import is_
from typing import Any

from psycopg.adapt import Dumper
from psycopg.pq import Format

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NULL = struct.pack("!i", -1)
_HEADER = struct.Struct("!iIIii")
_SIZE = struct.Struct("!i")
_EIGHT = struct.Struct("!iq")
_JSONB_VERSION = b"\x01"


class PackedArray:
    """An array parameter, packed; the subclass names its PostgreSQL type."""

    __slots__ = ("data",)
    element_oid = 0
    array_oid = 0

    def __init__(self, elements: Sequence[bytes]) -> None:
        head = _HEADER.pack(1, _NULL in elements, self.element_oid, len(elements), 1)
        self.data = head + b"".join(elements) if elements else struct.pack("!iII", 0, 0, self.element_oid)


class Int8Array(PackedArray):
    """bigint[]"""

    element_oid, array_oid = 20, 1016


class Int4Array(PackedArray):
    """integer[]"""

    element_oid, array_oid = 23, 1007


class TextArray(PackedArray):
    """text[]"""

    element_oid, array_oid = 25, 1009


class ByteaArray(PackedArray):
    """bytea[]"""

    element_oid, array_oid = 17, 1001


class TimestamptzArray(PackedArray):
    """timestamptz[]"""

    element_oid, array_oid = 1184, 1185


class JsonbArray(PackedArray):
    """jsonb[]"""

    element_oid, array_oid = 3802, 3807


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: PackedArray) -> bytes:
        return obj.data


def register(context: Any) -> None:
    """Teach a psycopg connection to send packed arrays; cheap, and needed once for each connection."""
    for kind in (Int8Array, Int4Array, TextArray, ByteaArray, TimestamptzArray, JsonbArray):
        dumper = type(f"{kind.__name__}Dumper", (_PackedDumper,), {"oid": kind.array_oid})
        context.adapters.register_dumper(kind, dumper)


def int8s(values: Sequence[int | None]) -> Int8Array:
    """Pack bigint[]; every value fits into 64 bits."""
    return Int8Array(_each(values, _int8))


def int4s(values: Sequence[int]) -> Int4Array:
    """Pack integer[] without NULL."""
    return Int4Array([struct.pack("!ii", 4, value) for value in values])


def texts(values: Sequence[str | None]) -> TextArray:
    """Pack text[]."""
    return TextArray(_each(values, _text))


def byteas(values: Sequence[bytes]) -> ByteaArray:
    """Pack bytea[] without NULL."""
    return ByteaArray([_sized(value) for value in values])


def moments(values: Sequence[datetime | None]) -> TimestamptzArray:
    """Pack timestamptz[]: microseconds since the year 2000."""
    return TimestamptzArray(_each(values, _moment))


def jsonbs(values: Sequence[bytes | None]) -> JsonbArray:
    """Pack jsonb[] from encoded JSON; the wire form has a version byte in front."""
    return JsonbArray([_NULL if value is None else _sized(_JSONB_VERSION + value) for value in values])


def _each(values: Sequence[Any], pack: Callable[[Any], bytes]) -> list[bytes]:
    """Pack each value; of a batch the sender, the kind and the time are the same throughout, and are packed once."""
    if len(values) > 1 and all(map(is_, values, repeat(values[0]))):
        return [pack(values[0])] * len(values)
    return [pack(value) for value in values]


def _int8(value: int | None) -> bytes:
    return _NULL if value is None else _EIGHT.pack(8, value)


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    data = value.encode()
    return _SIZE.pack(len(data)) + data


def _moment(value: datetime | None) -> bytes:
    return _NULL if value is None else _EIGHT.pack(8, (value - _EPOCH) // _MICROSECOND)


def _sized(value: bytes) -> bytes:
    return _SIZE.pack(len(value)) + value
