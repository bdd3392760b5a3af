"""`manage.py aggregates`: run the aggregator by hand, compare its work with the entries, or make it anew."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Book
from accounts.queries import book_id_of
from ledger import aggregates


class Command(BaseCommand):
    """Parses, makes one call of ledger.aggregates, prints."""

    help = "Bring snapshots and turnover up to date, compare them with the entries, or make them anew."

    def add_arguments(self, parser: CommandParser) -> None:
        """One act, and the book that two of them need."""
        parser.add_argument("act", choices=["run", "check", "rebuild"])
        parser.add_argument("--book", default="main", help="the book to check or rebuild (default main)")

    def handle(self, *_args: Any, act: str, book: str, **_options: Any) -> None:
        """Do it; `check` ends with exit code 1 where something differs."""
        if act == "run":
            reached = aggregates.run()
            self.stdout.write(f"The newest safe entry is {reached.safe_entry_id}; books reached {reached.progress}.")
            return
        try:
            book_id = book_id_of(book)
        except Book.DoesNotExist:
            raise CommandError(f"There is no book {book}.") from None
        if act == "rebuild":
            self.stdout.write(
                f"Snapshots and turnover are made anew up to entry {aggregates.rebuild(book_id=book_id)}."
            )
        drift = aggregates.drift(book_id=book_id)
        text = (
            f"{drift.snapshots} snapshots and {drift.turnovers} days of turnover differ from the entries,"
            f" {drift.records} counts of records from the tables."
        )
        if drift != aggregates.Drift(0, 0, 0):
            raise CommandError(text)
        self.stdout.write(text)
