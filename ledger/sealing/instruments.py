"""Gauges of the chains and of their verification, read from the tables when somebody scrapes."""

from collections.abc import Iterator

from django.db import DatabaseError, connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from appendonly.sqlfiles import read_sql
from ledger.sealing import status

_VERIFICATION = read_sql("ledger/sql/read/verification_state.sql")


class SealCollector(Collector):
    """What Prometheus learns of the chains; nothing while the database is away."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges, from two reads."""
        try:
            chains = status.chains()
            with connection.cursor() as cursor:
                cursor.execute(_VERIFICATION)
                verified = cursor.fetchone()
        except DatabaseError:
            return
        lag = GaugeMetricFamily(
            "ledger_seal_lag_seconds", "Age of the oldest operation that is not sealed", labels=["book"]
        )
        size = GaugeMetricFamily(
            "ledger_seal_leaves", "Leaves of the chain: sealed, signed, published", labels=["book", "upto"]
        )
        blocks = GaugeMetricFamily("ledger_seal_blocks", "Blocks of the chain", labels=["book"])
        quarantined = GaugeMetricFamily(
            "ledger_seal_quarantined_operations",
            "Operations without a valid code that nobody has acknowledged",
            labels=["book"],
        )
        for chain in chains:
            lag.add_metric([chain.book], chain.lag_seconds)
            size.add_metric([chain.book, "sealed"], chain.size)
            size.add_metric([chain.book, "signed"], chain.signed_size)
            size.add_metric([chain.book, "published"], chain.published_size)
            blocks.add_metric([chain.book], chain.blocks)
            quarantined.add_metric([chain.book], chain.unacknowledged)
        yield from (lag, size, blocks, quarantined)
        good = GaugeMetricFamily("ledger_verification_ok", "Whether the newest finished verification found nothing")
        age = GaugeMetricFamily("ledger_verification_age_seconds", "Time since the newest verification was finished")
        if verified is not None:
            good.add_metric([], verified[0])
            age.add_metric([], verified[1])
        yield from (good, age)
