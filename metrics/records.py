"""Records and bytes of each repository: pushed counts where an app counts exactly, statistics of the table elsewhere.

Nothing here scans a table: counts are rows that somebody keeps, statistics and sizes are PostgreSQL's own.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from django.db import DatabaseError, connection
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from metrics.limits import SIZES_CACHED_SECONDS
from metrics.repositories import TABLES

_SIZES = """
    SELECT t.name, part.relid::regclass::text, pg_total_relation_size(part.relid), coalesce(s.n_live_tup, 0)
    FROM unnest(%s::text[]) t(name)
    JOIN pg_class c ON c.oid = to_regclass('public.' || t.name)
    CROSS JOIN LATERAL (
      SELECT c.oid AS relid WHERE c.relkind = 'r'
      UNION ALL SELECT p.relid FROM pg_partition_tree(c.oid) p WHERE c.relkind = 'p' AND p.isleaf) part
    LEFT JOIN pg_stat_user_tables s ON s.relid = part.relid
    ORDER BY 1, 2
"""


class Size(NamedTuple):
    """Bytes and estimated rows of one table or partition."""

    table: str
    partition: str
    bytes: int
    rows: int


class Records(NamedTuple):
    """The records of one repository; `book` is empty for what is not of one book. `is_exact`: counted, not estimated."""

    repository: str
    book: str
    records: int
    is_exact: bool


class Stored(NamedTuple):
    """One repository: its records, and its bytes by partition (one partition where the table has none)."""

    repository: str
    records: list[Records]
    partitions: dict[str, int]

    @property
    def bytes(self) -> int:
        """Bytes on disk, with indexes."""
        return sum(self.partitions.values())


_providers: list[Callable[[], Iterable[tuple[str, str, int]]]] = []
_sizes: tuple[float, list[Size]] = (float("-inf"), [])


def provide_counts(counts: Callable[[], Iterable[tuple[str, str, int]]]) -> None:
    """Take an app's exact counts from now on: it yields (book, repository, records), from its AppConfig.ready."""
    _providers.append(counts)


def stored() -> list[Stored]:
    """Return every repository. Raises DatabaseError."""
    exact: defaultdict[str, list[Records]] = defaultdict(list)
    for provider in _providers:
        for book, repository, records in provider():
            exact[repository].append(Records(repository, book, records, True))  # noqa: FBT003 - a field, not a switch
    by_table: defaultdict[str, list[Size]] = defaultdict(list)
    for size in sizes():
        by_table[size.table].append(size)
    found = []
    for repository, tables in sorted(TABLES.items()):
        estimate = Records(repository, "", sum(size.rows for size in by_table[tables[0]]), False)  # noqa: FBT003 - a field
        partitions = {size.partition: size.bytes for table in tables for size in by_table[table]}
        if partitions:
            found.append(Stored(repository, exact.get(repository) or [estimate], partitions))
    return found


def sizes() -> list[Size]:
    """Return bytes and estimated rows of every table and partition, at most SIZES_CACHED_SECONDS old. Raises DatabaseError."""
    global _sizes  # noqa: PLW0603 - what this process read last; threads may both read it anew without harm
    if time.monotonic() - _sizes[0] > SIZES_CACHED_SECONDS:
        with connection.cursor() as cursor:
            cursor.execute(_SIZES, ([table for tables in TABLES.values() for table in tables],))
            _sizes = (time.monotonic(), [Size(*row) for row in cursor.fetchall()])
    return _sizes[1]


class RecordsCollector(Collector):
    """Records and bytes as gauges; nothing while the database is away."""

    def collect(self) -> Iterator[Metric]:
        """Yield the three gauges."""
        try:
            repositories = stored()
        except DatabaseError:
            return
        records = GaugeMetricFamily(
            "ledger_repository_records", "Records of a repository", labels=["repository", "book", "how"]
        )
        size = GaugeMetricFamily("ledger_repository_bytes", "Bytes on disk, with indexes", labels=["repository"])
        parts = GaugeMetricFamily(
            "ledger_partition_bytes", "Bytes on disk of one partition, with indexes", labels=["repository", "partition"]
        )
        for repository in repositories:
            for count in repository.records:
                how = "counted" if count.is_exact else "estimated"
                records.add_metric([count.repository, count.book, how], count.records)
            size.add_metric([repository.repository], repository.bytes)
            if len(repository.partitions) > 1:
                for partition, number in repository.partitions.items():
                    parts.add_metric([repository.repository, partition], number)
        yield from (records, size, parts)
