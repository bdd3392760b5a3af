"""Writes the access record: failures, refusals, and acts of staff. Who, with what, from where: from the current request.

Acts (`record`) are one row each, in the transaction of the act: both are there or neither. Failures and refusals
(`record_failure`) come from strangers in any number, so they are folded: of the same event, code and origin (an IPv4 address,
or an IPv6 network of 64 bits) the first in a minute is written at once and the others are counted; the count is one more row
when the minute is over. Beyond ACCESS_ORIGINS_PER_MINUTE different ones in a minute all others are counted together. So a
process writes at most 2 * (ACCESS_ORIGINS_PER_MINUTE + 1) rows a minute, whatever happens; a process that is killed loses the
counts of one minute. A failure is answered even where it cannot be recorded, as long as the storage is away.

No secret and no token ever comes here: credentials are named by ids, and a name that was tried only if it is a name that exists.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from django.db import InterfaceError, OperationalError, connection

from metrics.repository import observed
from security.access_models import AccessEvent
from security.limits import ACCESS_ORIGINS_PER_MINUTE, ACCESS_WHAT_CHARS_LIMIT
from security.networks import address_of, origin_of
from security.request_context import CURRENT_REQUEST
from security.sessions import digest_of

logger = logging.getLogger(__name__)
WINDOW_SECONDS = 60.0
_INSERT = "SELECT public.security_record_access_v1(%s::text, %s::text, %s::text, %s::text, %s::text, %s::inet, %s::text, %s::int)"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the record, as far as its writer knows it."""

    event: AccessEvent
    what: str
    code: str = ""
    who: str = ""
    credential: str = ""
    address: str | None = None
    request_id: str = ""
    times: int = 1


@observed(repository="access_record")
def record(*, event: AccessEvent, what: str, code: str = "", who: str = "") -> None:
    """Record an act, in the transaction of the act. `who` is given where the request does not know it yet."""
    _insert(_row(event, what, code, who))


@observed(repository="access_record")
def record_failure(*, event: AccessEvent, what: str, code: str = "", who: str = "") -> None:
    """Record a failure or a refusal, folded; never fails itself while the storage is away."""
    for row in FOLDING.add(_row(event, what, code, who)):
        _insert_if_possible(row)


class Folding:
    """Counts what is the same within a minute."""

    def __init__(self, *, later: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._later = later
        self._lock = threading.Lock()
        self._ends = 0.0
        self._rows: dict[tuple[str, str, str], Row] = {}

    def add(self, row: Row) -> list[Row]:
        """Return what is to be written now: this row if it is the first of its kind, and the counts of a minute that is over."""
        with self._lock:
            due = self._take(only_ended=True)
            key = (str(row.event), row.code, origin_of(row.address))
            if key not in self._rows and len(self._rows) >= ACCESS_ORIGINS_PER_MINUTE:
                key = ("", "", "")
                row = replace(row, what="and others, beyond what is told apart in a minute", who="", credential="")
            if key not in self._rows:
                if not self._rows:
                    self._ends = self._clock() + WINDOW_SECONDS
                    self._later()
                self._rows[key] = replace(row, times=0)
                return [*due, row]
            self._rows[key] = replace(row, times=self._rows[key].times + 1)
            return due

    def end(self) -> list[Row]:
        """Return the counts, and start anew."""
        with self._lock:
            return self._take(only_ended=False)

    def _take(self, *, only_ended: bool) -> list[Row]:
        if only_ended and self._clock() < self._ends:
            return []
        rows, self._rows = self._rows, {}
        return [row for row in rows.values() if row.times]


def _start_timer() -> None:
    timer = threading.Timer(WINDOW_SECONDS, flush)
    timer.daemon = True
    timer.start()


FOLDING = Folding(later=_start_timer)


def flush() -> None:
    """Write the counts of failures now; from a thread of its own when a minute is over, and when the process ends.

    Where the storage is away, they are lost, and one line says how many.
    """
    rows = FOLDING.end()
    try:
        for place, row in enumerate(rows):
            if not _insert_if_possible(row, and_others=len(rows) - place - 1):
                return
    finally:
        connection.close()


atexit.register(flush)


def _row(event: AccessEvent, what: str, code: str, who: str) -> Row:
    """The row, with what the current request knows."""
    row = Row(event, what.replace("\x00", "")[:ACCESS_WHAT_CHARS_LIMIT], code, who)
    request = CURRENT_REQUEST.get()
    if request is None:
        return row
    address = address_of(request.META)
    credential, name = "", ""
    auth, user = getattr(request, "auth", None), getattr(request, "user", None)
    if auth is not None:
        credential, name = str(getattr(auth, "token_id", "")), str(getattr(auth, "client_id", ""))
    elif user is not None and user.is_authenticated:
        name = f"staff:{user.get_username()}"
        credential = digest_of(request.session.session_key or "")[:16]
    return replace(
        row,
        who=who or name,
        credential=credential,
        address=None if address is None else str(address),
        request_id=getattr(request, "request_id", ""),
    )


def _insert_if_possible(row: Row, *, and_others: int = 0) -> bool:
    """Whether the row was written; the log tells of one that was not, and of others that are given up with it."""
    try:
        _insert(row)
    except (OperationalError, InterfaceError) as error:
        reason = str(error).partition("\n")[0]
        logger.warning("The storage does not answer, rows of the access record lost: %d (%s)", 1 + and_others, reason)
        return False
    return True


def _insert(row: Row) -> None:
    values = (row.event, row.who, row.credential, row.what, row.code, row.address, row.request_id, row.times)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
