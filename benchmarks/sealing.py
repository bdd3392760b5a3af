"""The seal at work, in a process with the application's settings: fills a ledger, seals, verifies, reads receipts.

Runs as `python -m benchmarks.sealing OPERATIONS SECONDS` in an empty database, started by seal.py; prints one line of JSON.
Everything is posted through the one door, because what carries no valid code is not sealed. Writers post in slices, in turns
with the sealer at work every second and without it.
"""

import json
import os
import random
import signal
import statistics
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import django
import psutil

from benchmarks.servers import family_cpu_seconds

BATCH = 1_000
ACCOUNTS = 2_000
RECEIPTS = 400
SLICES = 6
SEAL_PERIOD_SECONDS = 1.0


def main(operations: int, seconds: float) -> None:
    """Measure everything once."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_project.settings")
    django.setup()
    writer = _Writer()
    for _ in range(operations // BATCH):
        writer.post()
    figures = (
        _sealed(writer, operations) | _verified(writer, operations) | _receipts(writer) | _side_by_side(writer, seconds)
    )
    print(json.dumps(figures), flush=True)


class _Writer:
    """Posts batches of transfers into a book of its own."""

    def __init__(self) -> None:
        from django.utils import timezone  # noqa: PLC0415 - models exist only after setup()

        from accounts.models import Book  # noqa: PLC0415
        from accounts.opening import NewAccount, open_accounts  # noqa: PLC0415
        from security.models import Source  # noqa: PLC0415

        self.book = Book.objects.create(name=f"seal-{uuid.uuid4().hex[:12]}")
        source = Source.objects.create(
            kind=Source.Kind.SYSTEM, name=f"seal {self.book.name}", created_at=timezone.now()
        )
        self.source_id = source.id
        new = [NewAccount(f"a:{number}", "EUR", "", {}, None) for number in range(ACCOUNTS)]
        open_accounts(book_id=self.book.id, source_id=source.id, accounts=new)

    def post(self) -> int:
        """Post one batch."""
        from ledger import messages, pipeline  # noqa: PLC0415
        from ledger.contracts import Sender  # noqa: PLC0415

        sender = Sender(self.source_id, "benchmark", datetime.now(UTC))
        batch = []
        for _ in range(BATCH):
            giver, taker = random.sample(range(ACCOUNTS), 2)
            entries = [{"account": f"a:{giver}", "amount": "-12.34"}, {"account": f"a:{taker}", "amount": "12.34"}]
            body = json.dumps({"entries": entries, "description": "invoice 2026-000123"}).encode()
            batch.append(messages.read_operation(body=body, key=str(uuid.uuid4()), sender=sender))
        return len(pipeline.accept(book_id=self.book.id, messages=batch))


def _safe() -> int:
    from ledger import marks  # noqa: PLC0415
    from ledger.models import Mark  # noqa: PLC0415

    for _ in range(3):
        marks.take_and_close()
        time.sleep(0.05)
    newest: Mark = Mark.objects.order_by("-id")[0]
    return newest.operation_id


def _sealed(writer: _Writer, operations: int) -> dict[str, float]:
    from ledger.sealing import publication, sealer  # noqa: PLC0415

    safe_id = _safe()
    used, started = _cpu_seconds(), time.monotonic()
    sealed = sum(sealer.seal(book=writer.book, safe_id=safe_id))
    publication.publish(book=writer.book)
    seconds = time.monotonic() - started
    if sealed != operations:
        raise SystemExit(f"{sealed} of {operations} operations were sealed")
    return {
        "seal.operations_per_s": sealed / seconds,
        "seal.cpu_us_per_operation": 1e6 * (_cpu_seconds() - used) / sealed,
    }


def _verified(writer: _Writer, operations: int) -> dict[str, float]:
    from ledger import aggregates  # noqa: PLC0415
    from ledger.sealing.verification import Mode, verify  # noqa: PLC0415

    aggregates.run()  # so that there are snapshots and turnover to compare
    figures = {}
    for name, mode in (("verify", Mode.FULL), ("verify.chain", Mode.RECENT)):
        used = _cpu_seconds()
        report = verify(mode=mode, books=[writer.book], processes=os.cpu_count() or 1)
        if report.exit_code:
            raise SystemExit(f"the verification found {report.findings.found[0]}")
        verified = report.books[0].operations
        if verified < operations:
            raise SystemExit(f"{verified} of {operations} operations were verified")
        figures[f"{name}.operations_per_s"] = verified / report.seconds
        figures[f"{name}.cpu_us_per_operation"] = 1e6 * (_cpu_seconds() - used) / verified
    return figures


def _cpu_seconds() -> float:
    """CPU that this process, those that it has waited for, and the database server have used so far."""
    from django.db import connection  # noqa: PLC0415

    time.sleep(0.2)  # a backend's time reaches its parent a moment after its client has gone
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    own = os.times()
    return (
        own.user
        + own.system
        + own.children_user
        + own.children_system
        + family_cpu_seconds(backend.parent() or backend)
    )


def _receipts(writer: _Writer) -> dict[str, float]:
    from ledger.models import Operation  # noqa: PLC0415
    from ledger.sealing import evidence  # noqa: PLC0415

    ids = random.choices(list(Operation.objects.filter(book=writer.book).values_list("id", flat=True)), k=RECEIPTS)
    times = []
    for operation_id in ids:
        started = time.perf_counter()
        evidence.receipt(book=writer.book, operation_id=operation_id)
        times.append(1e3 * (time.perf_counter() - started))
    return {"receipt.p50_ms": statistics.median(times), "receipt.p99_ms": statistics.quantiles(times, n=100)[98]}


def _side_by_side(writer: _Writer, seconds: float) -> dict[str, float]:
    rates: dict[bool, list[float]] = {True: [], False: []}
    ages = []
    for number in range(SLICES):
        for with_sealer in (True, False) if number % 2 == 0 else (False, True):
            child = _fork_sealer() if with_sealer else None
            posted, started = 0, time.monotonic()
            while time.monotonic() - started < seconds:
                posted += writer.post()
            rates[with_sealer].append(posted / (time.monotonic() - started))
            if child is not None:
                ages.append(_age(writer))
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
    return {
        "seal.writers_per_s.with_sealer": statistics.median(rates[True]),
        "seal.writers_per_s.without_sealer": statistics.median(rates[False]),
        "seal.lag_seconds": max(ages),
    }


def _fork_sealer() -> int:
    from django.db import connection  # noqa: PLC0415

    from ledger.sealing import sealer  # noqa: PLC0415

    connection.close()
    child = os.fork()
    if child:
        return child
    while True:
        started = time.monotonic()
        sealer.run()
        time.sleep(max(0.0, SEAL_PERIOD_SECONDS - (time.monotonic() - started)))


def _age(writer: _Writer) -> float:
    from ledger.sealing import sealer  # noqa: PLC0415

    found: dict[int, Any] = {due.book_id: due for due in sealer.due()}
    return float(found[writer.book.id].lag_seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
