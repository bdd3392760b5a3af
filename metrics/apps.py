"""Metrics: what the other apps push their counts and durations into. It imports no other app."""

from django.apps import AppConfig

# Loaded with this app, which stands first in INSTALLED_APPS, so that every instrument of the process is kept in the same way.
from metrics import instruments

__all__ = ["MetricsConfig", "instruments"]


class MetricsConfig(AppConfig):
    """Instruments, their exposition and their history."""

    name = "metrics"

    def ready(self) -> None:
        """Hand in what is read when somebody scrapes."""
        from metrics.exposition import provide  # noqa: PLC0415 - its collectors read the database, which is ready only now
        from metrics.records import RecordsCollector  # noqa: PLC0415

        provide(RecordsCollector())
