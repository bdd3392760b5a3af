"""`manage.py verify`: the records against the chain, the chain against its heads, in three modes; a table for people or JSON."""

import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from accounts.models import Book
from ledger.sealing.mac import MacKeyError
from ledger.sealing.notes import KeyTextError
from ledger.sealing.verification import Mode, Report, verify

UNCHECKED = 2
_BAR = 30


class Command(BaseCommand):
    """Parses, makes one call of ledger.sealing.verification, prints."""

    help = "Verify what is recorded against the seal. Exit code 0: sound; 1: something is wrong; 2: it cannot be told."

    def add_arguments(self, parser: CommandParser) -> None:
        """One mode, and what it is compared with."""
        modes = parser.add_mutually_exclusive_group()
        modes.add_argument("--full", action="store_const", const=Mode.FULL, dest="mode", help="everything (default)")
        modes.add_argument("--recent", action="store_const", const=Mode.RECENT, dest="mode", help="the newest blocks")
        modes.add_argument("--scrub", action="store_const", const=Mode.SCRUB, dest="mode", help="the next part")
        parser.add_argument("--book", action="append", help="only this book; repeatable")
        parser.add_argument(
            "--checkpoint",
            action="append",
            type=Path,
            default=[],
            metavar="FILE",
            help="a head kept elsewhere; repeatable",
        )
        parser.add_argument(
            "--archives",
            action="append",
            type=Path,
            default=[],
            metavar="FOLDER",
            help="a folder with archives, beside those of ARCHIVE_DIRECTORIES; repeatable",
        )
        parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *_args: Any, mode: Mode | None, book: list[str] | None, **options: Any) -> None:
        """Verify; end with the exit code of the report."""
        try:
            report = verify(
                mode=mode or Mode.FULL,
                books=None if book is None else [Book.objects.get(name=name) for name in book],
                outside=[path.read_text(encoding="utf-8") for path in options["checkpoint"]],
                archives=options["archives"],
                processes=options["processes"],
                progress=None if options["json"] or not self.stderr.isatty() else self._bar,
            )
        except (DatabaseError, Book.DoesNotExist, OSError, KeyTextError, MacKeyError) as error:
            self.stderr.write(f"It cannot be told: {error}")
            raise SystemExit(UNCHECKED) from None
        if options["json"]:
            self.stdout.write(json.dumps(report.document, indent=2))
        else:
            self._table(report)
        if report.exit_code:
            raise SystemExit(report.exit_code)

    def _bar(self, done: int, total: int) -> None:
        share = done / total if total else 1.0
        filled = "#" * int(_BAR * share)
        self.stderr.write(f"\r[{filled:<{_BAR}}] {done:,} of {total:,} operations", ending="" if done < total else "\n")

    def _table(self, report: Report) -> None:
        self.stdout.write(f"{'book':<24} {'blocks':>10} {'operations':>12} {'leaves':>12} {'heads outside':>14}")
        for book in report.books:
            self.stdout.write(
                f"{book.book:<24} {book.blocks:>10,} {book.operations:>12,} {book.size:>12,} {book.outside:>14,}"
            )
        for finding in report.findings.found:
            place = " ".join(
                f"{name} {value}"
                for name, value in (("book", finding.book), ("block", finding.block), ("operation", finding.operation))
                if value not in {"", None}
            )
            self.stdout.write(": ".join(text for text in (finding.code.value, place, finding.detail) if text))
        for said in report.acknowledged.values():
            self.stdout.write(
                f"acknowledged: book {said['book']} operation {said['operation']}: by {said['who']}, {said['reason']}"
            )
        if report.outside == 0:
            self.stdout.write("Self check only: no head from outside of the database was compared.")
        verdict = "something is wrong" if report.exit_code else "sound"
        known = f" ({len(report.acknowledged)} quarantined operations are acknowledged)" if report.acknowledged else ""
        self.stdout.write(f"{report.findings.total} findings in {report.seconds:.1f} s: {verdict}{known}.")
