"""Blocks against what they seal: every row makes the leaf that was sealed, every leaf has its row, totals and codes are right.

Neighbouring small blocks are read as one span. Spans know nothing of each other, so several processes can check them at once.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.models import Book
from ledger.limits import SPAN_BLOCKS_MAX, SPAN_OPERATIONS_MAX
from ledger.models import SealBlock
from ledger.sealing import chain, contents, search_check, tree
from ledger.sealing.archive_file import ArchiveDamaged
from ledger.sealing.archives import ArchiveMissing, Shelf
from ledger.sealing.contents import Accounts, Contents
from ledger.sealing.findings import Code, Finding
from ledger.sealing.leaves import UnitTotals


@dataclass(frozen=True, slots=True)
class Span:
    """Blocks first to last by number, with about so many operations."""

    first: int
    last: int
    operations: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking a span told."""

    blocks: int
    operations: int
    codes_unchecked: int
    findings: tuple[Finding, ...]


def spans(*, book_id: int, first: int, last: int) -> Iterator[Span]:
    """Cut the blocks first to last into spans."""
    rows = SealBlock.objects.filter(book_id=book_id, number__gte=first, number__lte=last).order_by("number")
    start, size, previous, blocks = first, 0, first - 1, 0
    for number, count in rows.values_list("number", "count").iterator(chunk_size=5_000):
        if blocks and (size + count > SPAN_OPERATIONS_MAX or blocks == SPAN_BLOCKS_MAX):
            yield Span(start, previous, size)
            start, size, blocks = number, 0, 0
        size, previous, blocks = size + count, number, blocks + 1
    if blocks:
        yield Span(start, previous, size)


def check_span(*, book: Book, span: Span, accounts: Accounts, shelf: Shelf) -> Checked:
    """Compare a span's blocks with the rows of their ranges, or with the archives that hold them."""
    found = SealBlock.objects.filter(book_id=book.id, number__gte=span.first, number__lte=span.last)
    blocks = list(found.order_by("number"))
    quarantined = {number for block in blocks for number in _numbers(_header_of(block).get("quarantined"))}
    findings: list[Finding] = []
    forged: list[Finding] = []
    operations = unchecked = 0
    for run in _runs(blocks):
        ids: list[int] = []
        hashes: list[bytes] = []
        totals: list[UnitTotals] = []
        refusals: dict[int, bool] = {}
        try:
            for rows in shelf.read_ahead(from_id=run[0].from_id, to_id=run[-1].to_id, rows=SPAN_OPERATIONS_MAX):
                part = contents.contents(rows, accounts=accounts, excluded=frozenset(quarantined))
                ids, hashes, totals = ids + part.ids, hashes + part.leaf_hashes, [*totals, *part.totals]
                forged += _codes(book, run, part, quarantined)
                refusals |= part.refusals
                unchecked += sum(reason == contents.UNKNOWN_KEY for reason in part.forged.values())
        except ArchiveMissing:  # told once, by the shelf
            findings += _headers(book, run)
            continue
        except ArchiveDamaged as error:
            findings += [Finding(Code.ARCHIVE_DIFFERS, str(error), book.name, run[0].number), *_headers(book, run)]
            continue
        forged += _searched(book, run, quarantined, refusals)
        operations += len(ids)
        before = len(findings)
        for block in run:
            start, end = bisect_right(ids, block.from_id), bisect_right(ids, block.to_id)
            findings += _compare(book, block, ids[start:end], hashes[start:end])
        if len(findings) == before:
            findings += _totals(book, run, totals)
    return Checked(len(blocks), operations, unchecked, (*findings, *forged))


def _searched(
    book: Book, run: list[SealBlock], quarantined: set[int], refusals: Mapping[int, bool]
) -> Iterator[Finding]:
    ends = [block.to_id for block in run]
    found = search_check.faults(book=book, from_id=run[0].from_id, to_id=run[-1].to_id, refusals=refusals)
    for operation_id, code, detail in found:
        if operation_id not in quarantined:
            block = run[min(bisect_right(ends, operation_id - 1), len(run) - 1)].number
            yield Finding(code, detail, book.name, block, operation_id)


def _runs(blocks: Sequence[SealBlock]) -> Iterator[list[SealBlock]]:
    """Cut where a block does not begin at the end of the one before: between them nothing is sealed."""
    run: list[SealBlock] = []
    for block in blocks:
        if run and block.from_id != run[-1].to_id:
            yield run
            run = []
        run.append(block)
    if run:
        yield run


def _compare(book: Book, block: SealBlock, ids: list[int], hashes: list[bytes]) -> list[Finding]:
    sealed = chain.split(bytes(block.leaf_hashes))
    findings = _header(book, block, sealed[0])
    if sealed[1:] == hashes:
        return findings
    known, made = set(sealed[1:]), set(hashes)
    changed = [operation_id for operation_id, hashed in zip(ids, hashes, strict=True) if hashed not in known]
    missing = [place for place, hashed in enumerate(sealed[1:], 1) if hashed not in made]
    for operation_id in changed[: len(missing)]:
        findings.append(
            Finding(Code.ROW_CHANGED, "The record is not what was sealed.", book.name, block.number, operation_id)
        )
    for operation_id in changed[len(missing) :]:
        findings.append(
            Finding(
                Code.ROW_ADDED,
                "The record was not there when its block was sealed.",
                book.name,
                block.number,
                operation_id,
            )
        )
    for place in missing[len(changed) :]:
        detail = (
            f"Leaf {block.previous_size + place} has no record any more; it was sealed at place {place} of the block."
        )
        findings.append(Finding(Code.ROW_REMOVED, detail, book.name, block.number))
    return findings or [
        Finding(Code.BLOCK_BROKEN, "The leaves are in another order than the records.", book.name, block.number)
    ]


def _headers(book: Book, run: list[SealBlock]) -> list[Finding]:
    return [finding for block in run for finding in _header(book, block, chain.split(bytes(block.leaf_hashes))[0])]


def _header(book: Book, block: SealBlock, sealed: bytes) -> list[Finding]:
    told = _header_of(block)
    columns = {
        "book": book.name,
        "number": str(block.number),
        "incarnation": str(block.incarnation),
        "previous_size": str(block.previous_size),
        "previous_root": bytes(block.previous_root).hex(),
        "from": str(block.from_id),
        "to": str(block.to_id),
        "count": str(block.count),
        "sealed_at": block.sealed_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }
    wrong = [name for name, value in columns.items() if told.get(name) != value]
    if tree.leaf_hash(bytes(block.header)) != sealed:
        return [Finding(Code.HEADER_CHANGED, "The header is not what was sealed.", book.name, block.number)]
    if wrong:
        detail = f"The columns {', '.join(wrong)} are not what the sealed header says."
        return [Finding(Code.HEADER_CHANGED, detail, book.name, block.number)]
    return []


def _totals(book: Book, run: list[SealBlock], totals: Sequence[UnitTotals]) -> list[Finding]:
    made: dict[str, list[int]] = {}
    for part in totals:
        _add(made, f"{part.unit}/{part.exponent}", part.entries, part.increments, part.decrements)
    told: dict[str, list[int]] = {}
    for block in run:
        for row in _header_of(block).get("totals", []):
            unit = f"{row['unit']}/{row['exponent']}"
            _add(told, unit, int(row["entries"]), int(row["increments"]), int(row["decrements"]))
    if made == told:
        return []
    detail = f"The control totals of blocks {run[0].number} to {run[-1].number} are not those of their entries."
    return [Finding(Code.TOTALS_DIFFER, detail, book.name, run[0].number)]


def _add(sums: dict[str, list[int]], unit: str, *numbers: int) -> None:
    sums[unit] = [old + new for old, new in zip(sums.get(unit, [0] * len(numbers)), numbers, strict=True)]


def _codes(book: Book, run: list[SealBlock], part: Contents, quarantined: set[int]) -> list[Finding]:
    findings = []
    ends = [block.to_id for block in run]
    for operation_id, reason in sorted(part.forged.items()):
        block = run[min(bisect_right(ends, operation_id - 1), len(run) - 1)].number
        if operation_id in quarantined:
            detail = "It did not come through this service and is no leaf of the chain."
            findings.append(Finding(Code.QUARANTINED, detail, book.name, block, operation_id))
        elif reason != contents.UNKNOWN_KEY:
            detail = f"Its code is not ours ({reason})."
            findings.append(Finding(Code.CODE_INVALID, detail, book.name, block, operation_id))
    return findings


def _header_of(block: SealBlock) -> dict[str, Any]:
    try:
        document = json.loads(bytes(block.header))
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _numbers(value: Any) -> list[int]:
    return [int(text) for text in value or [] if str(text).isdecimal()]
