"""Mass operations in one worker process, without HTTP: upload, check, posting, and the memory that it took.

The file is made while it is read, so that only the product's own memory counts. The million is a case of the long run.
"""

import os
import resource
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django

from benchmarks.cases import Case, Figures, MeasurementFailedError
from benchmarks.servers import Numbers, System
from benchmarks.together import run_together

ROWS_PER_SECOND = 20_000
MILLION = 1_000_000
# What one transaction takes in a few seconds; the product's limit lies above.
ALL_ROWS_MAX = 100_000
PIECE_ROWS = 5_000
# Far below whatever a run takes.
FLOOR_MINOR = -(10**15)
# ru_maxrss is in kilobytes on Linux and in bytes on macOS.
RSS_UNIT = 1024 if sys.platform == "linux" else 1


def cases(system: System) -> list[Case]:
    """All cases of this group."""
    return [
        _case(system, "massops", lambda seconds: round(seconds * ROWS_PER_SECOND)),
        _case(system, "massops.million", lambda _seconds: MILLION, long=True),
        _all_case(system),
    ]


def _all_case(system: System) -> Case:
    numbers = system.numbers("bench")

    def measure(seconds: float) -> Figures:
        figures: Figures = {}
        for size, share in (("", 1), (".quarter", 4)):
            rows = min(round(seconds * ROWS_PER_SECOND), ALL_ROWS_MAX) // share
            with tempfile.NamedTemporaryFile() as memory:
                done = run_together(prepare_all, [(system.environment, numbers, rows, memory.name)])
                figures[f"massops.all_rows_per_s{size}"] = done.per_second
        return figures

    return Case("massops.all", measure)


def _case(system: System, name: str, rows_of: Callable[[float], int], *, long: bool = False) -> Case:
    numbers = system.numbers("bench")

    def measure(seconds: float) -> Figures:
        rows = rows_of(seconds)
        figures: Figures = {}
        total = 0.0
        for step, work in (("check", prepare_check), ("post", prepare_post)):
            with tempfile.NamedTemporaryFile() as memory:
                done = run_together(work, [(system.environment, numbers, rows, memory.name)])
                figures[f"{name}.{step}_memory_mb"] = float(Path(memory.name).read_text(encoding="utf-8"))
            figures[f"{name}.{step}_rows_per_s"] = done.per_second
            total += done.seconds
        figures[f"{name}.seconds"] = total
        return figures

    return Case(name, measure, long=long)


def prepare_check(environment: dict[str, str], numbers: Numbers, rows: int, memory: str) -> Callable[[], int]:
    """Set Django up; the returned function uploads a file and checks it."""
    _set_up(environment)

    def run() -> int:
        found = _upload_and_check(numbers, rows)
        if found.rows_good != rows:
            raise MeasurementFailedError(f"{found.rows_good} of {rows} rows are good: {found.summary}")
        _note_memory(memory)
        return rows

    return run


def prepare_post(environment: dict[str, str], numbers: Numbers, rows: int, memory: str) -> Callable[[], int]:
    """Upload, check and decide; the returned function posts each row by itself."""
    return _prepare_posting(environment, numbers, rows, memory, "each")


def prepare_all(environment: dict[str, str], numbers: Numbers, rows: int, memory: str) -> Callable[[], int]:
    """Upload, check and decide; the returned function posts all rows, which take from one account with a floor, or none."""
    return _prepare_posting(environment, numbers, rows, memory, "all")


def _prepare_posting(
    environment: dict[str, str], numbers: Numbers, rows: int, memory: str, mode: str
) -> Callable[[], int]:
    _set_up(environment)
    from django.utils import timezone  # noqa: PLC0415 - Django is set up now

    from massops import deciding  # noqa: PLC0415 - likewise
    from massops.models import MassOperation  # noqa: PLC0415 - likewise
    from massops.work import work  # noqa: PLC0415 - likewise

    found = _upload_and_check(numbers, rows, payer=_payer(numbers) if mode == "all" else None)
    deciding.decide(
        mass_operation_id=found.id,
        source_id=numbers.source,
        decided_by="benchmark",
        mode=mode,
        priority="bulk",
        rows=rows,
        now=timezone.now(),
    )

    def run() -> int:
        work()
        done = MassOperation.objects.get(id=found.id)
        if (done.state, done.rows_posted) != ("done", rows):
            raise MeasurementFailedError(f"{done.rows_posted} of {rows} rows are posted: {done.state} {done.failure}")
        _note_memory(memory)
        return rows

    return run


class _Rows:
    """A file of rows, made piece by piece as it is read."""

    def __init__(self, codes: list[str], rows: int, payer: str | None) -> None:
        self._pieces = self._make(codes if payer is None else [payer], rows, "" if payer is None else "-")
        self._data = b"key,account,amount,effective_at,description\n"

    def read(self, size: int, /) -> bytes:
        while len(self._data) < size and (piece := next(self._pieces, None)):
            self._data += piece
        data, self._data = self._data[:size], self._data[size:]
        return data

    def _make(self, codes: list[str], rows: int, sign: str) -> Iterator[bytes]:
        name = uuid.uuid4().hex[:8]
        for start in range(0, rows, PIECE_ROWS):
            yield "".join(
                f"{name}-{n},{codes[n % len(codes)]},{sign}{n % 5000 + 1}.{n % 100:02},2026-01-{n % 28 + 1:02},Payment {n}\n"
                for n in range(start, min(rows, start + PIECE_ROWS))
            ).encode()


def _payer(numbers: Numbers) -> str:
    from accounts.opening import NewAccount, open_accounts  # noqa: PLC0415 - Django is set up now

    code = f"payer:{uuid.uuid4().hex[:8]}"
    account = NewAccount(code, "EUR", "", {}, FLOOR_MINOR)
    open_accounts(book_id=numbers.book, source_id=numbers.source, accounts=[account])
    return code


def _upload_and_check(numbers: Numbers, rows: int, *, payer: str | None = None) -> Any:
    from django.utils import timezone  # noqa: PLC0415 - Django is set up now

    from accounts.models import Account  # noqa: PLC0415 - likewise
    from massops import uploads  # noqa: PLC0415 - likewise
    from massops.models import MassOperation  # noqa: PLC0415 - likewise
    from massops.work import work  # noqa: PLC0415 - likewise

    ids = range(numbers.first_account, numbers.last_account + 1)
    codes = list(Account.objects.filter(book_id=numbers.book, id__in=ids).order_by("id").values_list("code", flat=True))
    made = uploads.upload(
        stream=_Rows(codes, rows, payer),
        book_id=numbers.book,
        source_id=numbers.source,
        credential="benchmark",
        name="rows.csv",
        received_at=timezone.now(),
    )
    work()
    return MassOperation.objects.get(id=made.id)


def _set_up(environment: dict[str, str]) -> None:
    os.environ.update(environment | {"DJANGO_SETTINGS_MODULE": "billing_project.settings"})
    django.setup()


def _note_memory(path: str) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1024**2
    Path(path).write_text(str(peak), encoding="utf-8")
