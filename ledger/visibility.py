"""Which operations a reader with grants may know of: its own, and those whose accounts it may all read.

What it may not know of is answered like what does not exist, everywhere. Readers whom grants do not bind pay nothing here.
"""

from collections.abc import Sequence
from dataclasses import replace

from django.db import connection

from ledger.limits import READABLE_SCAN_ROWS, READABLE_SCANS_MAX
from ledger.queries import OperationFilter, Window, operation_positions
from metrics.repository import observed
from security.rights import Action, Rights

_READABLE = """
    SELECT o.id FROM unnest(%(ids)s::bigint[]) wanted(id)
    CROSS JOIN LATERAL (SELECT x.id, x.source_id FROM ledger_operation x
                        WHERE x.book_id = %(book)s AND x.id = wanted.id OFFSET 0) o
    WHERE o.source_id = %(source)s OR public.ledger_is_readable_v1(%(book)s, o.id, %(prefixes)s::text[], %(units)s::text[])
"""


@observed(repository="operations")
def readable(
    *, book_id: int, ids: Sequence[int], source_id: int, rights: Rights, actions: Sequence[Action] = (Action.READ,)
) -> set[int]:
    """Return those of the operations that a source with these rights may know of, by any of the actions; one query."""
    prefixes, units = rights.places(*actions)
    with connection.cursor() as cursor:
        cursor.execute(
            _READABLE,
            {"ids": list(ids), "book": book_id, "source": source_id, "prefixes": prefixes, "units": units},
        )
        return {row[0] for row in cursor.fetchall()}


@observed(repository="operations")
def readable_positions(
    *, book_id: int, where: OperationFilter, window: Window, source_id: int, rights: Rights | None
) -> tuple[list[tuple[int, int]], int | None]:
    """Return one page of (operation id, position), as operation_positions does, of what the reader may know of.

    A page looks at a bounded number of operations. Where it ends for that, it may be short or empty, and the second value is
    the position at which the next page goes on; else that is None.
    """
    if rights is None:
        return operation_positions(book_id=book_id, where=where, window=window), None
    found: list[tuple[int, int]] = []
    scan = replace(window, rows=READABLE_SCAN_ROWS)
    for _ in range(READABLE_SCANS_MAX):
        looked_at = operation_positions(book_id=book_id, where=where, window=scan)
        seen = readable(book_id=book_id, ids=[row[0] for row in looked_at], source_id=source_id, rights=rights)
        found += [row for row in looked_at if row[0] in seen]
        if len(found) >= window.rows or len(looked_at) < scan.rows:
            return found[: window.rows], None
        last = looked_at[-1][1]
        scan = replace(scan, after=last) if scan.ascending else replace(scan, before=last)
    return found, scan.after if scan.ascending else scan.before
