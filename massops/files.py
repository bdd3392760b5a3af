"""Files as messages: stored in pieces as they arrive, hashed on the way, read back as a stream by any worker.

A file exists once all of it is stored: its row is written last. Until then its pieces are nobody's, and swept after a day.
"""

import hashlib
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from django.db import connection, transaction

from massops.limits import ABANDONED_SECONDS, CHUNK_BYTES, FILE_BYTES_MAX, NAME_CHARACTERS_MAX
from massops.models import Chunk, File, MassOperation
from massops.rows.sheets import is_sheet
from metrics.repository import observed

_KNOWN = """
    SELECT m.id FROM massops_massoperation m JOIN massops_file f ON f.id = m.file_id
    WHERE f.book_id = %s AND f.sha256 = %s AND m.state NOT IN ('cancelled', 'failed') ORDER BY m.id LIMIT 1
"""
_SWEEP = """
    DELETE FROM massops_chunk c WHERE c.stored_at < clock_timestamp() - make_interval(secs => %s)
      AND NOT EXISTS (SELECT FROM massops_file f WHERE f.id = c.file_id)
"""


class Readable(Protocol):
    """What a file comes from: a request's body, an uploaded part, an open file."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes, none at the end."""


class FileTooLarge(Exception):  # noqa: N818 - an answer, not a defect
    """The file is larger than FILE_BYTES_MAX."""

    def __init__(self) -> None:
        super().__init__(f"A file has at most {FILE_BYTES_MAX // 1024**2} MiB.")


class FileIncomplete(Exception):  # noqa: N818 - an answer, not a defect
    """The file ended before its announced length."""

    def __init__(self) -> None:
        super().__init__("The file ended before its announced length; nothing was kept.")


class FileKnown(Exception):  # noqa: N818 - an answer, not a defect
    """The same file was uploaded before; `mass_operation_id` is what was made of it."""

    def __init__(self, mass_operation_id: int) -> None:
        super().__init__(f"The same file was uploaded before, as mass operation {mass_operation_id}.")
        self.mass_operation_id = mass_operation_id


@observed(repository="mass_operations", expected=(FileTooLarge, FileIncomplete, FileKnown))
def store(
    *,
    stream: Readable,
    book_id: int,
    source_id: int,
    credential: str,
    name: str,
    again: bool,
    received_at: datetime,
    size_expected: int | None = None,
) -> File:
    """Store a file. Raises FileTooLarge, FileIncomplete, and FileKnown unless `again` says that the same file is meant."""
    file_id = uuid.uuid4()
    try:
        size, chunks, sha256 = _store_chunks(file_id, stream, size_expected)
        if not again:
            _refuse_known(book_id, sha256)
    except (FileTooLarge, FileIncomplete, FileKnown):
        Chunk.objects.filter(file_id=file_id).delete()
        raise
    return File.objects.create(
        id=file_id,
        book_id=book_id,
        source_id=source_id,
        credential=credential,
        name=name[-NAME_CHARACTERS_MAX:] or "file",
        sha256=sha256,
        size_bytes=size,
        chunks=chunks,
        received_at=received_at,
    )


@observed(repository="mass_operations")
def known_as(*, book_id: int, sha256: bytes) -> int | None:
    """Return the mass operation that a file of this hash is already, unless it was cancelled or failed."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, (book_id, sha256))
        row = cursor.fetchone()
    return None if row is None else int(row[0])


class StoredStream:
    """The bytes of a stored file, one piece in memory at a time."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._next = 0
        self._data = b""

    def read(self, size: int = CHUNK_BYTES, /) -> bytes:
        """Return at most so many bytes, none at the end."""
        if not self._data and self._next < self._file.chunks:
            chunk = Chunk.objects.only("data").get(file_id=self._file.id, ordinal=self._next)
            self._data = bytes(chunk.data)
            self._next += 1
        data, self._data = self._data[:size], self._data[size:]
        return data


@contextmanager
def opened(file: File) -> Iterator[BinaryIO | Path]:
    """Open a stored file as rows are read from it: CSV as a stream, XLSX as a copy on disk, since a ZIP is read from its end."""
    stream = StoredStream(file)
    start = stream.read(CHUNK_BYTES)
    if not is_sheet(start):
        yield cast(BinaryIO, StoredStream(file))
        return
    with tempfile.NamedTemporaryFile(prefix="massops-", suffix=".xlsx") as copy:
        data = start
        while data:
            copy.write(data)
            data = stream.read(CHUNK_BYTES)
        copy.flush()
        yield Path(copy.name)


@observed(repository="mass_operations")
def sweep() -> int:
    """Delete pieces of uploads that broke off a day ago; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SWEEP, (ABANDONED_SECONDS,))
        return int(cursor.rowcount)


@observed(repository="mass_operations")
def file_of(mass_operation: MassOperation) -> File:
    """Return the file of a mass operation that has one."""
    if mass_operation.file is None:
        raise LookupError(f"mass operation {mass_operation.id} has no file")
    return mass_operation.file


def _store_chunks(file_id: uuid.UUID, stream: Readable, size_expected: int | None) -> tuple[int, int, bytes]:
    """Store the pieces of a stream; return their size, number and hash."""
    digest, size, chunks = hashlib.sha256(), 0, 0
    while data := _read_full(stream, CHUNK_BYTES):
        digest.update(data)
        size += len(data)
        if size > FILE_BYTES_MAX:
            raise FileTooLarge
        Chunk.objects.create(file_id=file_id, ordinal=chunks, data=data)
        chunks += 1
    if size_expected is not None and size != size_expected:
        raise FileIncomplete
    return size, chunks, digest.digest()


def _refuse_known(book_id: int, sha256: bytes) -> None:
    if (known := known_as(book_id=book_id, sha256=sha256)) is not None:
        raise FileKnown(known)


def _read_full(stream: Readable, size: int) -> bytes:
    """Read until the piece is full or the stream ends: a socket gives what it has."""
    parts, missing = [], size
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
