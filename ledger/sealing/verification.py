"""Verification: the records against the chain, the chain against itself, its heads against those outside, and what is derived.

`full` looks at everything; `recent` at the newest blocks; `scrub` at the next part of everything, so that a day of scrubs
has re-read all. Without heads from outside of the database a verification is a self check: it cannot tell a chain that was cut
at its end, or rewritten as a whole by somebody with the key, and says so.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from accounts.models import Book
from ledger.limits import (
    FINDINGS_TOLD_MAX,
    OUTSIDE_NOTES_FULL_MAX,
    OUTSIDE_NOTES_MAX,
    RECENT_BLOCKS,
    SCRUB_RUNS_PER_DAY,
)
from ledger.models import SealBlock
from ledger.sealing import acknowledgements, chain, runs
from ledger.sealing.acknowledgements import Acknowledged
from ledger.sealing.archive_check import check_archives, check_reduced
from ledger.sealing.archives import Shelf, partitions
from ledger.sealing.block_check import Checked, Span, check_span, spans
from ledger.sealing.contents import Accounts, without_collector
from ledger.sealing.derived_check import check_guards, check_records
from ledger.sealing.findings import BookResult, Finding, Findings
from ledger.sealing.head_check import check_chain, check_heads, check_outside, outside_notes
from ledger.sealing.processes import workers_sharing

# Told how many of how many operations are verified.
Progress = Callable[[int, int], None]


class Mode(StrEnum):
    """How much one verification looks at."""

    FULL = "full"
    RECENT = "recent"
    SCRUB = "scrub"


@dataclass(frozen=True, slots=True)
class Part:
    """The blocks of one book that a verification looks at; none where last is below first."""

    book: Book
    first: int
    last: int
    operations: int


@dataclass
class Report:
    """What a verification looked at and found. Exit code 0: nothing is wrong; 1: something is.

    `acknowledged` are the quarantined operations that somebody looked into: by operation who, when and why.
    """

    run: str
    mode: str
    started_at: datetime
    findings: Findings
    books: list[BookResult] = field(default_factory=list)
    outside: int = 0
    acknowledged: dict[int, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    scrubbed: dict[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """What `manage.py verify` ends with."""
        return int(self.findings.total > 0)

    @property
    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "run": self.run,
            "mode": self.mode,
            "started_at": self.started_at.isoformat(),
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
            "self_check_only": self.outside == 0,
            "outside_heads": self.outside,
            "books": [asdict(book) for book in self.books],
            "acknowledged_total": len(self.acknowledged),
            "acknowledged": list(self.acknowledged.values())[: self.findings.limit],
            "findings_total": self.findings.total,
            "findings": [finding.document for finding in self.findings.found],
            "scrubbed": self.scrubbed,
        }


def verify(
    *,
    mode: Mode,
    books: Sequence[Book] | None = None,
    outside: Sequence[str] = (),
    archives: Sequence[Path] = (),
    processes: int = 1,
    progress: Progress | None = None,
    run: uuid.UUID | None = None,
) -> Report:
    """Verify and keep the result (ledger_verification). `outside` are further heads from elsewhere, as text.

    `archives` are folders with archives, beside those of the settings.

    With more than one process that many share the work, each with a connection of its own; a task has one. Raises Django's
    database errors.
    """
    run = run or uuid.uuid4()
    report = Report(str(run), mode.value, datetime.now(UTC), Findings(FINDINGS_TOLD_MAX))
    started = time.monotonic()
    folders = (*settings.ARCHIVE_DIRECTORIES, *archives)
    chosen = list(Book.objects.order_by("id")) if books is None else list(books)
    with _unhurried():
        parts = [part(book=book, mode=mode) for book in chosen]
        total = sum(part.operations for part in parts)
        runs.note(run=run, mode=mode.value, state="running", total=total)
        told = _told(run, mode, total, progress)
        with without_collector(), workers_sharing(processes) as workers:
            for each in parts:
                verify_book = partial(
                    _verify_book, each=each, mode=mode, outside=outside, folders=folders, workers=workers, told=told
                )
                report = _verify_steadily(report, verify_book)
        report.findings.add(*check_guards())
        report.seconds = time.monotonic() - started
        runs.finish(run=run, mode=mode.value, report=report.document, exit_code=report.exit_code)
    return report


def _verify_steadily(report: Report, verify_book: Callable[[Report], None]) -> Report:
    """Verify a book; again, where something was found while a partition was exchanged: it was read before and after."""
    while True:
        attached, own = partitions(), deepcopy(report)
        verify_book(own)
        if own.findings.total == report.findings.total or partitions() == attached:
            return own


@contextmanager
def _unhurried() -> Iterator[None]:
    """Lift the limit of statements for a while: one of a large book takes long, and harms nobody."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        try:
            yield
        finally:
            cursor.execute("RESET statement_timeout")


def _take(report: Report, known: Mapping[int, Acknowledged], findings: Iterable[Finding]) -> None:
    """Take findings up, each as a finding or as what was acknowledged."""
    for finding in findings:
        if acknowledgements.covers(known, finding):
            said = known[finding.operation or 0]
            report.acknowledged[said.operation_id] = {
                "book": finding.book,
                "operation": said.operation_id,
                "who": said.who,
                "reason": said.reason,
                "acknowledged_at": said.acknowledged_at.isoformat(),
            }
        else:
            report.findings.add(finding)


def part(*, book: Book, mode: Mode) -> Part:
    """Return which blocks of a book a mode looks at now."""
    last = chain.head(book_id=book.id).number
    first = 1
    if mode is Mode.RECENT:
        first = max(1, last - RECENT_BLOCKS + 1)
    if mode is Mode.SCRUB:
        first = runs.scrubbed(book=book.name) + 1
        first = 1 if first > last else first
        last = min(last, first + max(RECENT_BLOCKS, last // SCRUB_RUNS_PER_DAY + 1) - 1)
    sizes = SealBlock.objects.filter(book_id=book.id, number__in=[first, last])
    ends = {number: (previous, size) for number, previous, size in sizes.values_list("number", "previous_size", "size")}
    operations = ends[last][1] - ends[first][0] if first in ends and last in ends else 0
    return Part(book, first, last, operations)


def _verify_book(
    report: Report,
    each: Part,
    mode: Mode,
    outside: Sequence[str],
    folders: Sequence[Path],
    workers: ProcessPoolExecutor | None,
    told: Callable[[int], None],
) -> None:
    book, result = each.book, BookResult(each.book.name)
    # What takes long and cannot be cut is begun first; what it finds is told in the same order as ever.
    chained = _begun(workers, _chain_of, book.id, book.name, each.first, each.last)
    recorded = None if mode is Mode.RECENT else _begun(workers, _records_of, book.id, book.name, folders)
    known, wrong = acknowledgements.settled(book=book)
    take = partial(_take, report, known)
    take(wrong)
    shelf = Shelf(book, folders)
    take(check_archives(book=book, shelf=shelf, thoroughly=mode is Mode.FULL))
    result.archives = len(shelf.shelved)
    parts = spans(book_id=book.id, first=each.first, last=each.last)
    for checked in _check_all(book, parts, folders, workers):
        take(checked.findings)
        result.blocks += checked.blocks
        result.operations += checked.operations
        result.codes_unchecked += checked.codes_unchecked
        told(checked.operations)
    ends = SealBlock.objects.filter(book_id=book.id, number__in=[each.first, each.last]).values_list("from_id", "to_id")
    if ends:
        take(check_reduced(book=book, shelf=shelf, from_id=min(ends)[0], to_id=max(ends)[1]))
    take(chained())
    sizes = SealBlock.objects.filter(book_id=book.id, number__in=[each.first, each.last]).values_list("size", flat=True)
    take(check_heads(book=book, first_size=min(sizes, default=0), last_size=max(sizes, default=0)))
    rows = OUTSIDE_NOTES_FULL_MAX if mode is Mode.FULL else OUTSIDE_NOTES_MAX
    notes = outside_notes(book=book, rows=rows, files=outside)
    take(check_outside(book=book, notes=notes))
    if recorded is not None:
        take(recorded())
    result.size = chain.head(book_id=book.id).size
    result.outside = len(notes)
    report.outside += len(notes)
    report.scrubbed[book.name] = each.last if mode is Mode.SCRUB else 0
    report.books.append(result)


def _begun(
    workers: ProcessPoolExecutor | None, check: Callable[..., list[Finding]], *arguments: Any
) -> Callable[[], list[Finding]]:
    """Begin a check elsewhere where there are workers, else when its result is asked for."""
    return partial(check, *arguments) if workers is None else workers.submit(check, *arguments).result


def _chain_of(book_id: int, name: str, first: int, last: int) -> list[Finding]:
    return list(check_chain(book=Book(id=book_id, name=name), first=first, last=last))


def _records_of(book_id: int, name: str, folders: Sequence[Path]) -> list[Finding]:
    book = Book(id=book_id, name=name)
    with _unhurried():
        return list(check_records(book=book, shelf=Shelf(book, folders)))


def _check_all(
    book: Book, parts: Iterator[Span], folders: Sequence[Path], workers: ProcessPoolExecutor | None
) -> Iterator[Checked]:
    if workers is None:
        accounts, shelf = Accounts(book.id), Shelf(book, folders)
        for span in parts:
            yield check_span(book=book, span=span, accounts=accounts, shelf=shelf)
    else:
        yield from workers.map(_check_elsewhere, ((book.id, book.name, folders, span) for span in parts))


_elsewhere: dict[int, tuple[Accounts, Shelf]] = {}


def _check_elsewhere(task: tuple[int, str, Sequence[Path], Span]) -> Checked:
    book_id, name, folders, span = task
    book = Book(id=book_id, name=name)
    if book_id not in _elsewhere:
        _elsewhere[book_id] = Accounts(book_id), Shelf(book, folders)
    accounts, shelf = _elsewhere[book_id]
    with without_collector():
        return check_span(book=book, span=span, accounts=accounts, shelf=shelf)


def _told(run: uuid.UUID, mode: Mode, total: int, progress: Progress | None) -> Callable[[int], None]:
    done, noted_at = 0, time.monotonic()

    def tell(operations: int) -> None:
        nonlocal done, noted_at
        done += operations
        if progress is not None:
            progress(done, total)
        if time.monotonic() - noted_at >= runs.NOTE_SECONDS:
            noted_at = time.monotonic()
            runs.note(run=run, mode=mode.value, state="running", done=done, total=total)

    return tell
