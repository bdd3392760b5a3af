"""`manage.py signed_batch`: write the signed body of the batch that an operation came with, for whoever checks the signature."""

from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Book
from accounts.queries import book_id_of
from ledger.queries import operations_by_id
from ledger.sealing import archives
from ledger.sealing.archive_file import ArchiveDamaged
from ledger.sealing.archives import ArchiveMissing
from security.signed_bodies import kept_body


class Command(BaseCommand):
    """Finds the operation, then the body that its evidence names."""

    help = "Write the body of the signed batch that an operation came with, exactly as it was received."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which operation, and where to."""
        parser.add_argument("book", metavar="BOOK")
        parser.add_argument("operation", metavar="OPERATION_ID", type=int)
        parser.add_argument("output", metavar="FILE", help="where the body is written to")

    def handle(self, *_args: Any, book: str, operation: int, output: str, **_options: Any) -> None:
        """Write the file, and say what to compare it with; a refusal is one sentence and exit code 1."""
        try:
            found = operations_by_id(book_id=book_id_of(book), ids=[operation]).get(operation)
        except Book.DoesNotExist as error:
            raise CommandError(f"There is no book {book}.") from error
        if found is None:
            raise CommandError(f"There is no operation {operation} in this book.")
        try:
            found = archives.whole(operation=found)
        except (ArchiveMissing, ArchiveDamaged) as error:
            raise CommandError(str(error)) from error
        evidence = {} if found.signature is None else msgspec.json.decode(found.signature)
        body = kept_body(digest=evidence["batch"]) if "batch" in evidence else None
        if body is None:
            raise CommandError("It did not come with a signed batch.")
        Path(output).write_bytes(body)
        self.stdout.write(f"sha-256 {evidence['batch']}\nkey {found.key}\n{evidence['signature_base']}\n")
