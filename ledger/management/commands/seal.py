"""`manage.py seal`: seal once or in a loop, tell where the chains stand, acknowledge a quarantined operation, make a key.

And after a restore: begin a new incarnation.
"""

import getpass
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from accounts.models import Book
from accounts.queries import book_id_of
from ledger.limits import SEAL_PERIOD_SECONDS
from ledger.sealing import acknowledgements, incarnations, sealer, signing, status
from ledger.sealing.acknowledgements import AcknowledgementRefused
from ledger.sealing.book_export import export_book
from ledger.sealing.export import ExportError
from ledger.sealing.notes import KeyTextError, Signer
from ledger.sealing.sealer import SealRefused


class Command(BaseCommand):
    """Parses, makes one call of ledger.sealing, prints."""

    help = "Seal what has become safe, once; with --loop every second until interrupted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Without an option it seals once."""
        acts = parser.add_mutually_exclusive_group()
        acts.add_argument("--loop", action="store_true", help="seal every second")
        acts.add_argument("--status", action="store_true", help="tell where each chain stands, and who holds it back")
        acts.add_argument("--new-incarnation", action="store_true", help="go on after a restore; needs --reason")
        acts.add_argument(
            "--export", type=Path, metavar="FOLDER", help="write the chain as a folder of tiles, or bring it up"
        )
        acts.add_argument(
            "--acknowledge", type=int, metavar="OPERATION", help="say what a quarantined operation is; needs --reason"
        )
        acts.add_argument("--new-key", action="store_true", help="print a new private key for SEAL_KEYS")
        parser.add_argument("--reason", help="why there is a new incarnation, or what was found out")
        parser.add_argument("--book", default="main", help="the book of the act (default main)")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it; a refusal becomes one sentence and exit code 1."""
        try:
            if options["new_key"]:
                self.stdout.write(Signer.generate(signing.key_name()).text)
            elif options["new_incarnation"]:
                self._open(options["book"], options["reason"])
            elif options["acknowledge"] is not None:
                self._acknowledge(options["book"], options["acknowledge"], options["reason"])
            elif options["export"]:
                self._export(options["book"], options["export"])
            elif options["status"]:
                for line in status.lines():
                    self.stdout.write(line)
            elif options["loop"]:
                self._loop()
            else:
                self._once()
        except (SealRefused, KeyTextError, ExportError, AcknowledgementRefused) as error:
            raise CommandError(str(error)) from None

    def _once(self) -> None:
        run = sealer.run()
        self.stdout.write(f"{run.operations} operations in {run.blocks} blocks.")
        if run.refused:
            raise CommandError(" ".join(f"{book}: {reason}" for book, reason in run.refused.items()))

    def _loop(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + SEAL_PERIOD_SECONDS, time.monotonic())
            try:
                sealer.run()
            except OperationalError as error:  # the database is away or slow: the next run makes it good
                self.stderr.write(str(error))
            time.sleep(max(0.0, due - time.monotonic()))

    def _open(self, name: str, reason: str | None) -> None:
        if not (reason or "").strip():
            raise CommandError("A new incarnation needs --reason; it becomes part of the chain.")
        book = self._book(name)
        loss = incarnations.open_new(book=book, reason=str(reason))
        self.stdout.write(
            f"Published were {loss.published.size} leaves; the last common size is {loss.common_size}. What lies between"
            " is lost: whoever has receipts of it can enter those operations again."
        )

    def _acknowledge(self, name: str, operation: int, reason: str | None) -> None:
        who = f"shell:{getpass.getuser()}"
        acknowledgements.acknowledge(book=self._book(name), operation_id=operation, who=who, reason=reason or "")
        self.stdout.write(
            f"Operation {operation} is acknowledged. Verification goes on telling of it, as acknowledged."
        )

    def _export(self, name: str, folder: Path) -> None:
        size, files = export_book(book=self._book(name), folder=folder)
        self.stdout.write(f"{folder} holds {size} leaves of book {name}; {files} files were written.")

    def _book(self, name: str) -> Book:
        try:
            return Book(id=book_id_of(name), name=name)
        except Book.DoesNotExist:
            raise CommandError(f"There is no book {name}.") from None
