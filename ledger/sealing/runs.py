"""The record of verifications: asked for, how far those under way have come, and what they found. Rows are only appended."""

import uuid
from typing import Any

import msgspec

from ledger.models import Verification
from ledger.posting import execute
from metrics.repository import observed

NOTE_SECONDS = 2.0
_NOTE = (
    "SELECT public.ledger_note_verification_v1(%b::uuid, %b::text, %b::text, %b::bigint, %b::bigint, %b::smallint,"
    " %b::text::jsonb)"
)


@observed(repository="verifications")
def ask(*, mode: str) -> uuid.UUID:
    """Note that a verification is asked for, and return the name of its run."""
    run = uuid.uuid4()
    note(run=run, mode=mode, state="asked")
    return run


@observed(repository="verifications")
def note(*, run: uuid.UUID, mode: str, state: str, done: int = 0, total: int = 0) -> None:
    """Note how far a run has come, in operations."""
    execute(_NOTE, (run, mode, state, done, total, None, None))


@observed(repository="verifications")
def finish(*, run: uuid.UUID, mode: str, report: dict[str, Any], exit_code: int) -> None:
    """Keep the report of a run."""
    text = msgspec.json.encode(report).decode()
    execute(_NOTE, (run, mode, "done", 0, 0, exit_code, text))


@observed(repository="verifications")
def newest() -> Verification | None:
    """Return the newest step of the newest run."""
    found: Verification | None = Verification.objects.order_by("-id").first()
    return found


@observed(repository="verifications")
def reports(*, rows: int) -> list[Verification]:
    """Return the reports of the newest runs that are done."""
    return list(Verification.objects.filter(state="done").order_by("-id")[:rows])


@observed(repository="verifications")
def scrubbed(*, book: str) -> int:
    """Return the number of the block up to which the newest scrub has come in a book; 0 before the first."""
    newest_scrub = Verification.objects.filter(mode="scrub", state="done").order_by("-id").first()
    report = (newest_scrub.report or {}) if newest_scrub is not None else {}
    return int(report.get("scrubbed", {}).get(book, 0))
