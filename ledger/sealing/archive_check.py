"""Archives against the chain that names them, and against what stays in the tables of the operations that they hold."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import connection

from accounts.models import Book
from appendonly.sqlfiles import read_sql
from ledger.limits import FINDINGS_OF_A_CHECK_MAX
from ledger.models import SealArchive, SealBlock
from ledger.sealing import archive_file, reduction
from ledger.sealing.archive_file import ArchiveDamaged, ArchivedOperation
from ledger.sealing.archives import Shelf, Shelved
from ledger.sealing.findings import Code, Finding

_FAULTS = read_sql("ledger/sql/read/archive_faults.sql")
_ENTRIES = (
    "SELECT count(*) FROM public.ledger_entry e WHERE e.book_id = %s AND e.operation_id > %s AND e.operation_id <= %s"
)


def check_archives(*, book: Book, shelf: Shelf, thoroughly: bool) -> Iterator[Finding]:
    """Find archives that are not there; thoroughly also those with another hash than was sealed, and what does not fit them.

    That their operations make the leaves that were sealed is for whoever reads the blocks (block_check).
    """
    if thoroughly:
        yield from _unnamed(book)
    for shelved in shelf.shelved:
        if shelved.path is None:
            code = Code.ARCHIVE_DIFFERS if shelved.found else Code.ARCHIVE_MISSING
            yield Finding(code, shelved.fault or "", book.name)
        elif thoroughly:
            yield from _against_its_hash(book, shelved)
            try:
                yield from _against_tables(book, shelf, shelved)
            except ArchiveDamaged as error:
                yield Finding(Code.ARCHIVE_DIFFERS, str(error), book.name)


def check_reduced(*, book: Book, shelf: Shelf, from_id: int, to_id: int) -> Iterator[Finding]:
    """Find reduced operations that are not what their archive makes of them: replays, lists and searches are told from them."""
    for shelved in shelf.shelved:
        if shelved.reduced is None or shelved.path is None or shelved.to_id <= from_id or shelved.from_id >= to_id:
            continue
        try:
            archive = shelf.archive(shelved)
            found = reduction.faults(book_id=book.id, archive=archive, from_id=from_id, to_id=to_id)
            for operation_id in islice(found, FINDINGS_OF_A_CHECK_MAX):
                detail = f"What stays of it in {shelved.reduced} is not what its archive makes of it."
                yield Finding(Code.ROW_CHANGED, detail, book.name, None, operation_id)
        except ArchiveDamaged as error:
            yield Finding(Code.ARCHIVE_DIFFERS, str(error), book.name)


def _unnamed(book: Book) -> Iterator[Finding]:
    """What the table of archives says, the headers say as well: they are sealed."""
    for row in SealArchive.objects.filter(book_id=book.id).order_by("from_id", "sha256"):
        block = SealBlock.objects.filter(book_id=book.id, number=row.block_number)
        header = block.values_list("header", flat=True).first()
        told = [] if header is None else json.loads(bytes(header)).get("archives", [])
        if not any((each["sha256"], each["from"]) == (bytes(row.sha256).hex(), str(row.from_id)) for each in told):
            detail = f"Archive {row.name} is noted, and the header of its block does not name it."
            yield Finding(Code.ARCHIVE_DIFFERS, detail, book.name, row.block_number)


def _against_its_hash(book: Book, shelved: Shelved) -> Iterator[Finding]:
    if shelved.path is None:
        return
    made = archive_file.sha256_of(shelved.path)
    if made not in {sha256 for _, sha256 in shelved.hashes}:
        detail = f"{shelved.path} was changed: its SHA-256 is {made.hex()}, sealed was {shelved.hashes[0][1].hex()}."
        yield Finding(Code.ARCHIVE_DIFFERS, detail, book.name)


def _against_tables(book: Book, shelf: Shelf, shelved: Shelved) -> Iterator[Finding]:
    """Keys are kept, entries have the times of their operations, and there are no others."""
    archive = shelf.archive(shelved)
    entries = 0
    bounds = {"from_id": shelved.from_id, "to_id": shelved.to_id}
    for operations, found in zip(archive.operations(**bounds), archive.entries(**bounds), strict=True):
        own = {each.sealed.id: each for each in operations if each.book_id == book.id}
        entries += sum(each.operation_id in own for each in found)
        for operation_id, what, detail in _faults(book, list(own.values())):
            code = Code.KEY_FAULT if what == "key" else Code.ENTRY_STRAY
            yield Finding(code, detail, book.name, None, operation_id)
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, (book.id, shelved.from_id, shelved.to_id))
        stored = cursor.fetchone()[0]
    if stored != entries:
        detail = f"{stored} entries say that they belong to operations of {archive.path.name}, which has {entries}."
        yield Finding(Code.ENTRY_STRAY, detail, book.name)


def _faults(book: Book, operations: Sequence[ArchivedOperation]) -> list[tuple[int, str, str]]:
    asked: dict[str, Any] = {
        "book": book.id,
        "ids": [each.sealed.id for each in operations],
        "sources": [each.sealed.source_id for each in operations],
        "keys": [each.sealed.key for each in operations],
        "firsts": [each.entry_first for each in operations],
        "lasts": [each.entry_last for each in operations],
        "recorded": [each.sealed.recorded_at for each in operations],
        "effective": [each.sealed.effective_at for each in operations],
    }
    with connection.cursor() as cursor:
        cursor.execute(_FAULTS, asked)
        rows: list[tuple[int, str, str]] = cursor.fetchall()
        return rows
