"""Gauges of approvals, read from their tables when somebody scrapes."""

from collections.abc import Iterator

from django.db import DatabaseError
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from security.approvals import open_since
from security.models import Approval, ApprovalEffect


class ApprovalsCollector(Collector):
    """How many wait for a second person, and how many failed; nothing while the database is away."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauge, from two queries over indexes: what was asked for lately, and what failed."""
        try:
            since = open_since(now=timezone.now())
            pending = Approval.objects.filter(requested_at__gte=since, decision=None).count()
            failed = ApprovalEffect.objects.filter(outcome="failed").count()
        except DatabaseError:
            return
        gauge = GaugeMetricFamily("ledger_approvals", "Approvals that somebody must look at", labels=["state"])
        gauge.add_metric(["pending"], pending)
        gauge.add_metric(["failed"], failed)
        yield gauge
