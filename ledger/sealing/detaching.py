"""Detaching: the operations of an archived partition out of the ledger's tables, and reduced ones into their place, in one step.

Nothing goes before its archive is in a folder of the settings, has the hash that was sealed, and that seal was published: then
heads outside of the database vouch for the file. The detached table stays beside the ledger until it is dropped, and can be
attached again. All of it needs the role that owns the tables. The SQL and its invariants are in sql/reduced_partition_v1.sql.
"""

import getpass
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import OperationalError, connection
from psycopg import sql

from appendonly.sqlfiles import read_sql
from ledger.limits import DETACH_PAUSE_SECONDS, DETACH_TRIES_MAX
from ledger.models import SealArchive, SealBlock, SealCheckpoint, SealPublication
from ledger.sealing import archive_file, archiving, reduction
from ledger.sealing.archive_file import Archive, ArchiveDamaged
from ledger.sealing.archives import Partition
from ledger.sealing.archiving import ArchiveRefused, Held, Progress
from security.access import record
from security.access_models import AccessEvent

_DETACHED = read_sql("ledger/sql/read/detached_partitions.sql")
_IS_OWNER = "SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c WHERE c.oid = 'public.ledger_operation'::regclass"
_OPEN = "SELECT o_name, o_newest FROM public.ledger_open_reduced_v1(%s, %s, %s)"
_FAULTS = "SELECT public.ledger_reduced_faults_v1(%s, %s)"
_BOUND = "SELECT public.ledger_bound_v1(%s, %s, %s)"
_EXCHANGE = "SELECT public.ledger_exchange_partition_v1(%s, %s, %s, %s)"


def detached() -> list[Partition]:
    """Return the tables of operations that were detached and still lie beside the ledger."""
    with connection.cursor() as cursor:
        cursor.execute(_DETACHED)
        return [Partition(*row) for row in cursor.fetchall()]


def detach(*, name: str, progress: Progress) -> str:
    """Let reduced operations take the place of a partition; return the name of their partition.

    The next run goes on where one was interrupted. Postings wait for an instant. Raises ArchiveRefused.
    """
    _refuse_unless_owner()
    partition = archiving.partition_named(name)
    books = archiving.held(partition)
    if not books:
        raise ArchiveRefused(f"{name} has no operation.")
    path = _sealed_file(partition, books)
    _refuse_unless_published(partition, books)
    total = sum(each.operations for each in books)
    with _alone(), _opened(path) as archive:
        (reduced, newest) = _ask(_OPEN, (_number(name), partition.from_id, partition.to_id))[0]
        reduction.fill(table=reduced, archive=archive, above=newest, progress=lambda done: progress(done, total))
        _run(sql.SQL("VACUUM (FREEZE, ANALYZE) public.{}").format(sql.Identifier(reduced)))
        _refuse_unless_same(name, reduced)
        _exchange(out=name, into=reduced, partition=partition)
    _record(f"partition {name} detached; its operations lie in {path.name}")
    return str(reduced)


def attach(*, name: str) -> None:
    """Undo a detaching: the table takes its place again, and the reduced operations go. Raises ArchiveRefused."""
    _refuse_unless_owner()
    partition, reduced = _detached_named(name)
    with _alone():
        _refuse_unless_same(name, reduced)
        _ask(_BOUND, (name, partition.from_id, partition.to_id))
        _exchange(out=reduced, into=name, partition=partition)
        _run(sql.SQL("DROP TABLE public.{}").format(sql.Identifier(reduced)))
    _record(f"partition {name} attached again")


def drop(*, name: str, progress: Progress) -> Path:
    """Drop a detached table after its archive was checked once more, leaf by leaf; return the archive. Raises ArchiveRefused."""
    _refuse_unless_owner()
    partition, reduced = _detached_named(name)
    books = archiving.held(partition)
    path = _sealed_file(partition, books)
    total = sum(each.operations for each in books)
    with _alone(), _opened(path) as archive:
        archiving.check_against_chain(partition, path, books, lambda done: progress(done, total))
        bounds = {"from_id": partition.from_id, "to_id": partition.to_id}
        for each in books:
            if wrong := next(reduction.faults(book_id=each.book.id, archive=archive, **bounds), None):
                raise ArchiveRefused(f"Operation {wrong} in {reduced} is not what {path} makes of it.")
        _run(sql.SQL("DROP TABLE public.{}").format(sql.Identifier(name)))
    _record(f"detached partition {name} dropped; its operations lie in {path.name}")
    return path


def _refuse_unless_owner() -> None:
    if not _ask(_IS_OWNER, ())[0][0]:
        raise ArchiveRefused("Only the role that owns the tables may do this: set DATABASE_ROLE=owner for the command.")


def _detached_named(name: str) -> tuple[Partition, str]:
    """Return a detached table as a partition, and the reduced one in its place."""
    partition = next((each for each in detached() if each.name == name), None)
    if partition is None:
        raise ArchiveRefused(f"{name} is no detached partition of operations: manage.py archive lists them.")
    return partition, f"ledger_operation_r{_number(name)}"


def _sealed_file(partition: Partition, books: Sequence[Held]) -> Path:
    """Return the archive of a partition in the folders of the settings, by the hash that every book in it has sealed."""
    sealed = SealArchive.objects.filter(from_id=partition.from_id, to_id=partition.to_id)
    hashes = [{bytes(row.sha256) for row in sealed.filter(book_id=each.book.id)} for each in books]
    if missing := [each.book.name for each, own in zip(books, hashes, strict=True) if not own]:
        raise ArchiveRefused(
            f"No archive of {partition.name} is sealed in book {', '.join(missing)}: archive it first."
        )
    name = f"{partition.name}{archive_file.SUFFIX}"
    fault = f"{name} is in none of the folders of ARCHIVE_DIRECTORIES."
    for path in (Path(folder) / name for folder in settings.ARCHIVE_DIRECTORIES):
        if path.is_file():
            sha256 = archive_file.sha256_of(path)
            if all(sha256 in own for own in hashes):
                return path
            fault = f"{path} is not the file that was sealed: its SHA-256 is {sha256.hex()}."
    raise ArchiveRefused(fault)


def _refuse_unless_published(partition: Partition, books: Sequence[Held]) -> None:
    for each in books:
        of_book = {"book_id": each.book.id}
        archives = SealArchive.objects.filter(from_id=partition.from_id, **of_book)
        number = min(archives.values_list("block_number", flat=True))
        size = SealBlock.objects.values_list("size", flat=True).get(number=number, **of_book)
        signed = SealCheckpoint.objects.filter(size__gte=size, **of_book).exists()
        if not signed or not SealPublication.objects.filter(size__gte=size, **of_book).exists():
            raise ArchiveRefused(
                f"No signed head of book {each.book.name} that covers the archive is published yet: wait for the sealer,"
                " or name a place outside of the database (SEAL_DIRECTORIES, SEAL_POST_URLS)."
            )


def _refuse_unless_same(full: str, reduced: str) -> None:
    if wrong := [row[0] for row in _ask(_FAULTS, (full, reduced))]:
        raise ArchiveRefused(f"Operation {wrong[0]} is not the same in {full} and in {reduced}; nothing was changed.")


def _exchange(*, out: str, into: str, partition: Partition) -> None:
    for _ in range(DETACH_TRIES_MAX):
        try:
            _ask(_EXCHANGE, (out, into, partition.from_id, partition.to_id))
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
                raise
            time.sleep(DETACH_PAUSE_SECONDS)
        else:
            return
    raise ArchiveRefused("A session holds on to the operations all the time; nothing was changed: repeat it later.")


def _number(name: str) -> str:
    return re.sub(r"\D", "", name)


@contextmanager
def _opened(path: Path) -> Iterator[Archive]:
    try:
        with Archive(path) as archive:
            yield archive
    except ArchiveDamaged as error:
        raise ArchiveRefused(str(error)) from error


@contextmanager
def _alone() -> Iterator[None]:
    """Keep a second command away, and lift the limit of statements: those that read a partition take long, and nobody waits."""
    if not _ask("SELECT pg_try_advisory_lock(1, 3)", ())[0][0]:
        raise ArchiveRefused("Another command is detaching, attaching or dropping at this moment.")
    _run("SET statement_timeout = 0")
    try:
        yield
    finally:
        _run("RESET statement_timeout; SELECT pg_advisory_unlock(1, 3)")


def _run(statement: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _ask(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _record(what: str) -> None:
    record(event=AccessEvent.ADMINISTRATION, what=what, code="archived", who=f"shell:{getpass.getuser()}")
