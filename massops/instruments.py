"""Gauges of mass operations, read from their table when somebody scrapes."""

from collections.abc import Iterator

from django.db import DatabaseError
from django.db.models import Count, Sum
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from massops.models import MassOperation, State


class MassOperationsCollector(Collector):
    """How many there are in each state, and what became of their rows; nothing while the database is away."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges, from one query over the mass operations, of which there are some a day."""
        try:
            rows = (
                MassOperation.objects.order_by()
                .values_list("state")
                .annotate(Count("id"), Sum("rows_bad"), Sum("rows_posted"), Sum("rows_refused"))
            )
            found = {state: counts for state, *counts in rows}
        except DatabaseError:
            return
        states = GaugeMetricFamily("ledger_mass_operations", "Mass operations by state", labels=["state"])
        for state in State.values:
            states.add_metric([state], found[state][0] if state in found else 0)
        outcomes = GaugeMetricFamily(
            "ledger_mass_operation_rows", "Rows of mass operations by outcome", labels=["outcome"]
        )
        for place, outcome in enumerate(("bad", "posted", "refused"), 1):
            outcomes.add_metric([outcome], sum(counts[place] or 0 for counts in found.values()))
        yield from (states, outcomes)
