"""A desk: where a person uploads files into a book of their own, and a worker works when it is told to."""

# Imported inside fixtures and tests only: Django's settings are read first by tests/conftest.py.

import csv
import io
import time
import uuid
from dataclasses import dataclass
from typing import Any, Self

from django.utils import timezone

from massops import deciding, results, uploads, work
from massops.models import MassOperation, RowProblem
from massops.rows.mapping import Mapping
from tests.ledger.page import Page

WORK_SECONDS_MAX = 60


@dataclass(frozen=True)
class Desk:
    """One person's mass operations in one book."""

    page: Page

    @classmethod
    def open_new(cls, *accounts: str) -> Self:
        """A desk over a new book with these accounts, written as a page writes them."""
        return cls(Page.open_new(*accounts))

    def upload(self, data: str | bytes, mapping: Mapping | None = None, **options: Any) -> MassOperation:
        """Upload a file and let it be checked."""
        raw = data.encode() if isinstance(data, str) else data
        made = uploads.upload(
            stream=io.BytesIO(raw), book_id=self.page.book_id, source_id=self.page.source_id, credential="a desk",
            name=options.pop("name", "rows.csv"), received_at=timezone.now(), mapping=mapping, **options,
        )  # fmt: skip
        return self.work(made)

    def decide(self, found: MassOperation, mode: str = "each", **options: Any) -> MassOperation:
        """Decide, without letting anybody work yet."""
        words = {"priority": "bulk", "rows": found.rows_good, "now": timezone.now(), "decided_by": "a desk"} | options
        return deciding.decide(mass_operation_id=found.id, source_id=self.page.source_id, mode=mode, **words)

    def post(self, found: MassOperation, mode: str = "each", **options: Any) -> MassOperation:
        """Decide, and let it be posted."""
        return self.work(self.decide(found, mode, **options))

    def work(self, found: MassOperation) -> MassOperation:
        """Let a worker work until nothing is left; return the mass operation as it is then."""
        ends = time.monotonic() + WORK_SECONDS_MAX
        while work.work() and time.monotonic() < ends:
            pass
        return self.read(found)

    @staticmethod
    def read(found: MassOperation) -> MassOperation:
        """The mass operation as it is now."""
        return MassOperation.objects.select_related("file", "reverses__file").get(id=found.id)

    @staticmethod
    def problems(found: MassOperation) -> list[tuple[int, str, str]]:
        """(line, column, code) of every error."""
        rows = RowProblem.objects.filter(mass_operation=found).order_by("row", "id")
        return [(row.line, row.column, row.code) for row in rows]

    @staticmethod
    def results(found: MassOperation) -> list[tuple[str, str, str]]:
        """(key, outcome, code) of every row of the result file."""
        text = b"".join(results.as_csv(results.results(found))).decode()
        return [(row["key"], row["outcome"], row["code"]) for row in csv.DictReader(io.StringIO(text, newline=""))]

    @staticmethod
    def errors(found: MassOperation) -> list[list[str]]:
        """The rows of the error file."""
        text = b"".join(results.as_csv(results.errors(found))).decode()
        return list(csv.reader(io.StringIO(text, newline="")))

    def moves(self, found: MassOperation) -> list[str]:
        """The states that the mass operation passed through."""
        return [event.state_to for event in found.events.order_by("id")]


def unique(name: str) -> str:
    """A name that nothing else has."""
    return f"{name}-{uuid.uuid4().hex[:12]}"
