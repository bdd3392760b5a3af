"""`manage.py archive`: list the partitions of operations, write one into an archive whose hash is sealed, then detach it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.sealing import archives, archiving
from ledger.sealing.archiving import ArchiveRefused
from ledger.sealing.sealer import SealRefused

_BAR = 30


class Command(BaseCommand):
    """Parses, makes one call of ledger.sealing.archiving, prints."""

    help = "Archive a wholly sealed partition of operations. Without a partition: tell which there are."

    def add_arguments(self, parser: CommandParser) -> None:
        """A partition and what to do with it."""
        parser.add_argument("partition", nargs="?", help="such as ledger_operation_p00001")
        acts = parser.add_mutually_exclusive_group()
        acts.add_argument(
            "--to", type=Path, metavar="FOLDER", help="write the archive into this folder and seal its hash"
        )

    def handle(self, *_args: Any, partition: str | None, **options: Any) -> None:
        """Do it; a refusal becomes one sentence and exit code 1."""
        try:
            if partition is None:
                self._list()
            elif options["to"]:
                self._make(partition, options["to"])
            else:
                raise CommandError("Say what to do with the partition: --to FOLDER.")
        except (ArchiveRefused, SealRefused, OSError) as error:
            raise CommandError(str(error)) from None

    def _list(self) -> None:
        for partition in archives.partitions():
            self.stdout.write(f"{partition.name}: operations {partition.from_id + 1} to {partition.to_id}")

    def _make(self, name: str, folder: Path) -> None:
        partition = archiving.partition_named(name)
        progress = self._bar if self.stderr.isatty() else lambda _done, _total: None
        path = archiving.make(partition=partition, folder=folder, progress=progress)
        self.stdout.write(f"{path} holds what {name} holds; its hash is sealed. The rows are where they were.")

    def _bar(self, done: int, total: int) -> None:
        share = done / total if total else 1.0
        filled = "#" * int(_BAR * share)
        self.stderr.write(f"\r[{filled:<{_BAR}}] {done:,} of {total:,}", ending="" if done < total else "\n")
