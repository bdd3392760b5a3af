"""`manage.py massop`: mass operations from the command line: upload, look, decide, pause, resume, cancel, reverse, results."""

import sys
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Book
from accounts.queries import book_id_of
from massops import deciding, files, lifecycle, results, reversal, uploads
from massops.models import FINAL_STATES, MassOperation, Mode, State
from massops.rows.mapping import MappingError, read_mapping
from security.models import Source

CREDENTIAL = "command"
WAIT_SECONDS_MAX = 24 * 3600
POLL_SECONDS = 0.5


class Command(BaseCommand):
    """Upload a file of rows, or act on a mass operation that exists."""

    help = "Upload a file (FILE), or act on a mass operation (--id): decide, pause, resume, cancel, reverse, results, errors."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what the command takes."""
        parser.add_argument("file", nargs="?", help="a CSV or XLSX file")
        parser.add_argument("--id", type=int, help="a mass operation that exists")
        parser.add_argument(
            "--do",
            choices=["show", "decide", "pause", "resume", "cancel", "reverse", "results", "errors"],
            default="show",
        )
        parser.add_argument(
            "--source", required=True, help="whose messages these are: the name of a client or of staff"
        )
        parser.add_argument("--book", default="main")
        parser.add_argument("--mapping", default="", help="the name of a saved mapping, or a JSON file")
        parser.add_argument("--fresh-keys", action="store_true", help="keys of rows count in this upload only")
        parser.add_argument("--again", action="store_true", help="the same file was uploaded before, and it is meant")
        parser.add_argument("--mode", choices=list(Mode.values), default="each")
        parser.add_argument("--priority", choices=["critical", "normal", "bulk"], default="bulk")
        parser.add_argument("--rows", type=int, help="how many good rows the check showed; needed to decide")
        parser.add_argument("--wait", action="store_true", help="stay until the worker has come to an end")
        parser.add_argument("--reason", default="", help="why; kept with the move")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do one thing and show the mass operation."""
        try:
            found = self._upload(options) if options["file"] else self._act(options)
        except (lifecycle.Refused, MappingError, files.FileKnown, files.FileTooLarge) as error:
            raise CommandError(str(error)) from error
        except MassOperation.DoesNotExist as error:
            raise CommandError("There is no such mass operation.") from error
        except Book.DoesNotExist as error:
            raise CommandError("There is no such book.") from error
        if found is not None:
            self._show(_wait(found) if options["wait"] else found)

    def _upload(self, options: dict[str, Any]) -> MassOperation:
        path = Path(options["file"])
        try:
            with path.open("rb") as stream:
                mapping = _mapping(options["mapping"])
                return uploads.upload(
                    stream=stream,
                    book_id=book_id_of(options["book"]),
                    source_id=_source_id(options["source"]),
                    credential=CREDENTIAL,
                    name=path.name,
                    received_at=datetime.now(UTC),
                    mapping=mapping,
                    mapping_name=options["mapping"],
                    own_keys=not options["fresh_keys"],
                    again=options["again"],
                )
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error

    def _act(self, options: dict[str, Any]) -> MassOperation | None:
        if options["id"] is None:
            raise CommandError("Name a file, or a mass operation by --id.")
        who = {"mass_operation_id": options["id"], "source_id": _source_id(options["source"])}
        action = options["do"]
        if action in {"pause", "resume", "cancel"}:
            act = {"pause": lifecycle.pause, "resume": lifecycle.resume, "cancel": lifecycle.cancel}[action]
            return act(**who, reason=options["reason"])
        if action == "reverse":
            return reversal.reverse(**who, credential=CREDENTIAL)
        if action == "decide":
            if options["rows"] is None:
                raise CommandError("Say by --rows how many good rows the check showed.")
            return deciding.decide(
                **who,
                decided_by=options["source"],
                mode=options["mode"],
                priority=options["priority"],
                rows=options["rows"],
                now=datetime.now(UTC),
            )
        found = MassOperation.objects.select_related("file", "reverses__file").get(id=options["id"])
        if action in {"results", "errors"}:
            rows = results.results(found) if action == "results" else results.errors(found)
            for piece in results.as_csv(rows):
                sys.stdout.buffer.write(piece)
            return None
        return found

    def _show(self, found: MassOperation) -> None:
        self.stdout.write(f"mass operation {found.id}: {found.state} ({found.name})")
        self.stdout.write(f"  rows: {found.rows_read} read, {found.rows_good} good, {found.rows_bad} with errors")
        for unit in found.summary.get("units", []):
            self.stdout.write(f"  {unit['unit']}: {unit['rows']} rows, sum {unit['sum']}")
        for code, count in found.summary.get("errors", {}).items():
            self.stdout.write(f"  {code}: {count}")
        if found.decided_at:
            self.stdout.write(f"  posted {found.rows_posted}, refused {found.rows_refused}, at row {found.cursor}")
        if found.failure:
            self.stdout.write(f"  {found.failure}")


def _wait(found: MassOperation) -> MassOperation:
    """Return when there is nothing to wait for: a check that ended, or posting that ended or was paused."""
    ends = time.monotonic() + WAIT_SECONDS_MAX
    settled = {*FINAL_STATES, State.CHECKED, State.PAUSED, State.WAITING, State.SCHEDULED}
    while found.state not in settled and time.monotonic() < ends:
        time.sleep(POLL_SECONDS)
        found = MassOperation.objects.select_related("file").get(id=found.id)
    return found


def _source_id(name: str) -> int:
    source = Source.objects.filter(name=name).first()
    if source is None:
        raise CommandError(f"There is no source {name!r}: a client's name, or staff:NAME.")
    return source.pk


def _mapping(name: str) -> Any:
    if not name:
        return None
    if name.endswith(".json"):
        return read_mapping(Path(name).read_bytes())
    return uploads.saved_mapping(name=name)
