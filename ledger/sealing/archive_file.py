"""One archive: a ZIP of CSV files with the operations of a partition and their entries, and a manifest of what they are. Pure.

It can be read with `unzip` and any program for tables, and PostgreSQL takes the columns back as they were. Nothing in it is
believed: whoever reads it makes the leaves of its rows and compares them with the chain. The same rows make the same bytes.
"""

import csv
import hashlib
import io
import json
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, Self

from ledger.limits import ARCHIVE_MANIFEST_BYTES_MAX, ARCHIVE_PART_BYTES_MAX
from ledger.sealing.leaves import EPOCH, SealedOperation, detail_digest

SUFFIX = ".zip"
_FORMAT = "billing-archive"
_VERSION = "1"
_MANIFEST = "manifest.json"
_OPERATIONS, _ENTRIES = "operations/", "entries/"
_DIGITS = 19
_CHUNK_BYTES = 1 << 20
_THEN = (1980, 1, 1, 0, 0, 0)  # what a ZIP begins to count from: the same rows make the same bytes
_MICROSECOND = timedelta(microseconds=1)
csv.field_size_limit(ARCHIVE_PART_BYTES_MAX)  # the readers' own limit is shorter than a message may be


class ArchiveDamaged(ValueError):  # noqa: N818 - what was found, not what failed
    """The file is not an archive, or not the one that it should be; the message says why."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds: the operations of a partition with ids above `from_id` up to `to_id`, and their entries."""

    partition: str
    from_id: int
    to_id: int
    operations: int
    entries: int


@dataclass(frozen=True, slots=True)
class Received:
    """What came in, and what proves it: the message, the signature, the request and the caller's trace."""

    message: bytes
    signature: str | None
    request_id: str | None
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class ArchivedOperation:
    """One operation as its row was: what its leaf is made of, what was received, its code, and where its entries lie."""

    book_id: int
    sealed: SealedOperation
    received: Received
    mac: bytes | None
    mac_key: str | None
    entry_first: int | None
    entry_last: int | None


@dataclass(frozen=True, slots=True)
class ArchivedEntry:
    """One entry as its row was, with the code and the unit of its account; the amount in minor units, in decimal."""

    operation_id: int
    id: int
    account_id: int
    amount: str
    account: str
    unit: str


class Writer:
    """Writes the parts of an archive in the order of ids, then its manifest."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "x", compression=zipfile.ZIP_DEFLATED)
        self.operations = self.entries = 0

    def add(self, *, first_id: int, operations: bytes, entries: bytes) -> None:
        """Add the CSV texts, with their header lines, of operations from `first_id` on and of their entries; nothing for none."""
        if number := _rows(operations):
            self._write(f"{_OPERATIONS}{first_id:0{_DIGITS}d}.csv", operations)
            self._write(f"{_ENTRIES}{first_id:0{_DIGITS}d}.csv", entries)
            self.operations += number
            self.entries += _rows(entries)

    def finish(self, *, partition: str, from_id: int, to_id: int) -> None:
        """Write the manifest and close the file."""
        told = asdict(Manifest(partition, from_id, to_id, self.operations, self.entries))
        document = {"format": _FORMAT, "v": _VERSION} | {name: str(value) for name, value in told.items()}
        self._write(_MANIFEST, json.dumps(document, indent=1, sort_keys=True).encode())
        self._zip.close()

    def _write(self, name: str, content: bytes) -> None:
        member = zipfile.ZipInfo(name, _THEN)
        member.compress_type = zipfile.ZIP_DEFLATED
        self._zip.writestr(member, content)


class Archive:
    """An archive opened for reading; parts are read when their operations are asked for, the last one is kept."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises ArchiveDamaged, also where it cannot be read."""
        self._lock = Lock()  # a ZIP that several threads read counts its readers without one
        with _damage(path):
            self._zip = zipfile.ZipFile(path)
            document = json.loads(self._read(_MANIFEST, ARCHIVE_MANIFEST_BYTES_MAX))
            if (document.pop("format"), document.pop("v")) != (_FORMAT, _VERSION):
                raise ArchiveDamaged(f"{path} is an archive of another kind or version.")
            numbers = {name: int(document[name]) for name in ("from_id", "to_id", "operations", "entries")}
            self.manifest = Manifest(str(document["partition"]), **numbers)
            names = sorted(name for name in self._zip.namelist() if name.startswith(_OPERATIONS))
            self._firsts = [int(name.removeprefix(_OPERATIONS).removesuffix(".csv")) for name in names]
        self.path = path
        self._part: tuple[int, list[ArchivedOperation]] = (-1, [])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._zip.close()

    def operations(self, *, from_id: int, to_id: int) -> Iterator[list[ArchivedOperation]]:
        """Yield the operations of all books above one id up to another, in id order, part by part. Raises ArchiveDamaged."""
        for number in self._parts(from_id, to_id):
            yield [each for each in self._operations(number) if from_id < each.sealed.id <= to_id]

    def entries(self, *, from_id: int, to_id: int) -> Iterator[list[ArchivedEntry]]:
        """Yield the entries of the same operations, in the same parts. Raises ArchiveDamaged."""
        for number in self._parts(from_id, to_id):
            with _damage(self.path):
                rows = [_entry(row) for row in self._table(_ENTRIES, number)]
            yield [each for each in rows if from_id < each.operation_id <= to_id]

    def rows(self, *, from_id: int, to_id: int) -> Iterator[tuple[int, int, list[dict[str, str]]]]:
        """Yield operations as the file writes them: of each part that has ids above one up to another its range and its rows.

        All ranges together leave no id of the partition out. Raises ArchiveDamaged.
        """
        starts = [self.manifest.from_id, *(first - 1 for first in self._firsts[1:])]
        for number, (start, end) in enumerate(zip(starts, [*starts[1:], self.manifest.to_id], strict=True)):
            if start < to_id and end > from_id:
                with _damage(self.path):
                    rows = list(self._table(_OPERATIONS, number)) if self._firsts else []
                yield start, end, rows

    def operation(self, operation_id: int) -> tuple[ArchivedOperation, list[ArchivedEntry]] | None:
        """Return one operation and its entries; its part is read, and nothing else of it is made. Raises ArchiveDamaged."""
        wanted = str(operation_id)
        with _damage(self.path):
            for number in self._parts(operation_id - 1, operation_id):
                found = next((row for row in self._table(_OPERATIONS, number) if row["id"] == wanted), None)
                if found is not None:
                    entries = [row for row in self._table(_ENTRIES, number) if row["operation_id"] == wanted]
                    return _operation(found), [_entry(row) for row in entries]
        return None

    def _parts(self, from_id: int, to_id: int) -> range:
        return range(max(bisect_right(self._firsts, from_id + 1) - 1, 0), bisect_right(self._firsts, to_id))

    def _operations(self, number: int) -> list[ArchivedOperation]:
        if self._part[0] != number:
            with _damage(self.path):
                self._part = (number, [_operation(row) for row in self._table(_OPERATIONS, number)])
        return self._part[1]

    def _table(self, folder: str, number: int) -> Iterator[dict[str, Any]]:
        raw = self._read(f"{folder}{self._firsts[number]:0{_DIGITS}d}.csv", ARCHIVE_PART_BYTES_MAX)
        return table(raw)

    def _read(self, name: str, bytes_max: int) -> bytes:
        if self._zip.getinfo(name).file_size > bytes_max:
            raise ArchiveDamaged(f"{name} is longer than it can be.")
        with self._lock:
            return self._zip.read(name)


def table(raw: bytes) -> Iterator[dict[str, Any]]:
    """Read the CSV text of operations or entries."""
    return csv.DictReader(io.StringIO(raw.decode(), newline=""), strict=True)


def sha256_of(path: Path) -> bytes:
    """Return the hash of a file. Raises OSError."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            hashed.update(chunk)
    return hashed.digest()


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Whatever a changed file makes the readers of ZIP, CSV and JSON say becomes one thing."""
    try:
        yield
    except ArchiveDamaged:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        csv.Error,
        ValueError,
        LookupError,
        TypeError,
        EOFError,
        RuntimeError,
        OSError,
    ) as error:
        raise ArchiveDamaged(f"{path} is damaged: {error}") from error


def _rows(table: bytes) -> int:
    return max(sum(1 for _ in csv.reader(io.StringIO(table.decode(), newline=""), strict=True)) - 1, 0)


def _operation(row: dict[str, Any]) -> ArchivedOperation:
    salt, message = _bytes(row["salt"]), _bytes(row["message"])
    sealed = SealedOperation(
        int(row["id"]),
        int(row["source_id"]),
        row["key"],
        row["kind"],
        _bytes(row["message_hash"]),
        row["credential"],
        _moment(row["received_at"]),
        _moment(row["recorded_at"]),
        _moment(row["effective_at"]),
        row["outcome"],
        _number(row["reverses"]),
        salt,
        detail_digest(salt, message, row["signature"], row["request_id"], row["traceparent"]),
    )
    received = Received(message, row["signature"] or None, row["request_id"] or None, row["traceparent"] or None)
    code = _bytes(row["mac"]) if row["mac"] else None
    first, last = _number(row["entry_first"]), _number(row["entry_last"])
    return ArchivedOperation(int(row["book_id"]), sealed, received, code, row["mac_key"] or None, first, last)


def _entry(row: dict[str, Any]) -> ArchivedEntry:
    return ArchivedEntry(
        int(row["operation_id"]), int(row["id"]), int(row["account_id"]), row["amount"], row["account"], row["unit"]
    )


def _bytes(text: str) -> bytes:
    if not text.startswith("\\x"):
        raise ArchiveDamaged("A value that should be bytes is none.")
    return bytes.fromhex(text[2:])


def _number(text: str) -> int | None:
    return int(text) if text else None


def _moment(text: str) -> int:
    return (datetime.fromisoformat(text.removesuffix("Z")) - EPOCH) // _MICROSECOND
