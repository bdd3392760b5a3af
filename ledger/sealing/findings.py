"""What a verification finds: one record for each thing that is not as it must be, with where and why."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """What was found. The first part of a name says which check found it."""

    ROW_CHANGED = "row_changed"
    ROW_REMOVED = "row_removed"
    ROW_ADDED = "row_added"
    METADATA_DIFFERS = "metadata_differs"
    REFUSED_ACCOUNTS_DIFFER = "refused_accounts_differ"
    ROW_OUTSIDE = "row_outside"
    CODE_INVALID = "code_invalid"
    QUARANTINED = "quarantined"
    HEADER_CHANGED = "header_changed"
    TOTALS_DIFFER = "totals_differ"
    BLOCK_MISSING = "block_missing"
    BLOCK_BROKEN = "block_broken"
    ROOT_DIFFERS = "root_differs"
    NODE_DIFFERS = "node_differs"
    HEAD_DIFFERS = "head_differs"
    HEAD_SIGNATURE = "head_signature"
    OUTSIDE_LONGER = "outside_longer"
    OUTSIDE_DIFFERS = "outside_differs"
    OUTSIDE_UNREADABLE = "outside_unreadable"
    ENTRY_STRAY = "entry_stray"
    KEY_FAULT = "key_fault"
    AGGREGATE_DIFFERS = "aggregate_differs"
    ARCHIVE_MISSING = "archive_missing"
    ARCHIVE_DIFFERS = "archive_differs"
    GUARD_FAULT = "guard_fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what, in which book, block and operation as far as it has one, and a sentence."""

    code: Code
    detail: str
    book: str = ""
    block: int | None = None
    operation: int | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        return asdict(self)


@dataclass
class BookResult:
    """What was looked at in one book."""

    book: str
    blocks: int = 0
    operations: int = 0
    size: int = 0
    outside: int = 0
    codes_unchecked: int = 0
    archives: int = 0


@dataclass
class Findings:
    """All that one verification found, at most `limit` of them, and how many there were."""

    limit: int
    found: list[Finding] = field(default_factory=list)
    total: int = 0

    def add(self, *findings: Finding) -> None:
        """Take up findings; beyond the limit they are counted only."""
        self.total += len(findings)
        self.found += findings[: max(0, self.limit - len(self.found))]
