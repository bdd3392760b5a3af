"""Where the chains stand: sizes, lag, what is not published yet, and which session holds the marks back. For reading only."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection

from appendonly.sqlfiles import read_sql
from ledger.sealing import sealer
from metrics.repository import observed

_CHAINS = read_sql("ledger/sql/read/seal_status.sql")
# Other roles' sessions show only to members of pg_read_all_stats.
_HOLDER = """
    SELECT a.pid, a.usename, coalesce(a.application_name, ''), a.state,
           extract(epoch FROM clock_timestamp() - a.xact_start)::float8
    FROM pg_stat_activity a WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid() ORDER BY age(a.backend_xid) DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """One book's chain; `published_size` has arrived in every folder, `quarantined` operations carry no valid code; into the
    `unacknowledged` of them nobody has looked."""

    book: str
    blocks: int
    size: int
    incarnation: int
    signed_size: int
    published_size: int
    quarantined: int
    unacknowledged: int
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class Holder:
    """The session with the oldest transaction that writes: no mark can pass it, so nothing newer is sealed."""

    process_id: int
    role: str
    application: str
    state: str
    open_seconds: float


@observed(repository="seals")
def chains() -> list[ChainStatus]:
    """Return where each book's chain stands."""
    lags = {due.book: due.lag_seconds for due in sealer.due()}
    with connection.cursor() as cursor:
        cursor.execute(_CHAINS)
        return [ChainStatus(*(*row, lags.get(row[0], 0.0))) for row in cursor.fetchall()]


@observed(repository="seals")
def holder() -> Holder | None:
    """Return the session that holds the marks back, as far as this role may see it; None where nobody does."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDER)
        row = cursor.fetchone()
    return None if row is None else Holder(row[0], row[1] or "?", row[2], row[3] or "?", row[4] or 0.0)


def lines() -> Iterator[str]:
    """Yield the status as sentences."""
    for chain in chains():
        yield (
            f"{chain.book}: {chain.blocks} blocks, {chain.size} leaves, incarnation {chain.incarnation}, signed up to "
            f"{chain.signed_size}, published up to {chain.published_size}, {chain.quarantined} quarantined "
            f"({chain.unacknowledged} not acknowledged), "
            f"lag {chain.lag_seconds:.1f} s."
        )
    if (found := holder()) is not None:
        yield (
            f"Process {found.process_id} of {found.role} ({found.application}, {found.state}) has had a writing transaction open "
            f"for {found.open_seconds:.1f} s: nothing newer is sealed before it ends."
        )
