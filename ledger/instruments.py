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
_CLASSES = dict(enumerate(Priority, 1))


class LedgerCollector(Collector):
    """What Prometheus learns of the state of the ledger; nothing while the database is away."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges, from one query."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(_STATE)
                rows = {number: (count, age) for number, count, age in cursor.fetchall()}
        except DatabaseError:
            return
        messages = GaugeMetricFamily("ledger_inbox_messages", "Messages that wait in the inbox", labels=["priority"])
        age = GaugeMetricFamily("ledger_inbox_age_seconds", "Age of the oldest message that waits", labels=["priority"])
        for number, name in _CLASSES.items():
            waiting, oldest = rows.get(number, (0, 0.0))
            messages.add_metric([name], waiting)
            age.add_metric([name], oldest)
        yield messages
        yield age
        lag = rows[0][1]
        yield GaugeMetricFamily(
            "ledger_mark_lag_seconds", "Age of the newest mark while newer entries wait for one", lag
        )
