"""Partitions of operations and entries, created ahead of the ids that will fill them. The SQL is in sql/partitions_v2.sql."""

from ledger.posting import execute
from metrics.repository import observed


@observed(repository="partitions")
def add() -> int:
    """Create what is missing ahead, and return how many partitions were created."""
    return int(execute("SELECT public.ledger_add_partitions_v2()", ())[0])
