"""`manage.py archive`: list the partitions of operations, write one into an archive whose hash is sealed, then detach it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledger.sealing import archives, archiving, detaching
from ledger.sealing.archiving import ArchiveRefused, Progress
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
        acts.add_argument(
            "--detach", action="store_true", help="take its operations out of the tables; the archive has them"
        )
        acts.add_argument("--attach", action="store_true", help="undo --detach, while the detached table is there")
        acts.add_argument("--drop", action="store_true", help="drop the detached table, after a check of the archive")

    def handle(self, *_args: Any, partition: str | None, **options: Any) -> None:
        """Do it; a refusal becomes one sentence and exit code 1."""
        try:
            if partition is None:
                self._list()
            elif options["to"]:
                self._make(partition, options["to"])
            elif options["detach"]:
                reduced = detaching.detach(name=partition, progress=self._progress())
                self.stdout.write(
                    f"{reduced} is in the place of {partition}, which can be dropped (--drop) or attached again."
                )
            elif options["attach"]:
                detaching.attach(name=partition)
                self.stdout.write(f"{partition} is attached again.")
            elif options["drop"]:
                path = detaching.drop(name=partition, progress=self._progress())
                self.stdout.write(f"{partition} is dropped; {path} has what it had.")
            else:
                raise CommandError("Say what to do with the partition: --to FOLDER, --detach, --attach or --drop.")
        except (ArchiveRefused, SealRefused, OSError) as error:
            raise CommandError(str(error)) from None

    def _list(self) -> None:
        for partition in archives.partitions():
            told = ", archived and detached" if partition.reduced else ""
            self.stdout.write(f"{partition.name}: operations {partition.from_id + 1} to {partition.to_id}{told}")
        for partition in detaching.detached():
            self.stdout.write(f"{partition.name}: detached, can be dropped or attached again")

    def _make(self, name: str, folder: Path) -> None:
        partition = archiving.partition_named(name)
        path = archiving.make(partition=partition, folder=folder, progress=self._progress())
        self.stdout.write(f"{path} holds what {name} holds; its hash is sealed. The rows are where they were.")

    def _progress(self) -> Progress:
        return self._bar if self.stderr.isatty() else lambda _done, _total: None

    def _bar(self, done: int, total: int) -> None:
        share = done / total if total else 1.0
        filled = "#" * int(_BAR * share)
        self.stderr.write(f"\r[{filled:<{_BAR}}] {done:,} of {total:,}", ending="" if done < total else "\n")
