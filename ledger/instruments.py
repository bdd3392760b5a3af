"""Gauges read from the tables when somebody scrapes: the inbox by class, and the lag of marks.

They are read, not counted along, so every process would say the same and no process needs to remember.
"""

from collections.abc import Iterator

from django.db import DatabaseError, connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from appendonly.sqlfiles import read_sql
from ledger.contracts import Priority

_STATE = read_sql("ledger/sql/read/state.sql")
_CONNECTIONS = read_sql("ledger/sql/read/connections_state.sql")
_CLASSES = dict(enumerate(Priority, 1))


def waiting() -> tuple[list[tuple[str, int, float]], float]:
    """Return (class, messages, seconds of the oldest) for each class of the inbox, and the lag of marks in seconds."""
    with connection.cursor() as cursor:
        cursor.execute(_STATE)
        rows = {number: (int(count), float(age)) for number, count, age in cursor.fetchall()}
    return [(str(name), *rows.get(number, (0, 0.0))) for number, name in _CLASSES.items()], rows[0][1]


class LedgerCollector(Collector):
    """What Prometheus learns of the state of the ledger; nothing while the database is away."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges, from two queries."""
        try:
            rows, lag_seconds = waiting()
            with connection.cursor() as cursor:
                cursor.execute(_CONNECTIONS)
                sessions = cursor.fetchall()
        except DatabaseError:
            return
        connections = GaugeMetricFamily(
            "ledger_database_connections",
            "Sessions of the database by state, and the most there can be",
            labels=["state"],
        )
        for state, number in sessions:
            connections.add_metric([state], number)
        yield connections
        messages = GaugeMetricFamily("ledger_inbox_messages", "Messages that wait in the inbox", labels=["priority"])
        age = GaugeMetricFamily("ledger_inbox_age_seconds", "Age of the oldest message that waits", labels=["priority"])
        for name, count, oldest in rows:
            messages.add_metric([name], count)
            age.add_metric([name], oldest)
        yield messages
        yield age
        yield GaugeMetricFamily(
            "ledger_mark_lag_seconds", "Age of the newest mark while newer entries wait for one", lag_seconds
        )
