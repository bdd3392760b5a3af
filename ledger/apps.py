"""The ledger: messages in, operations and entries stored, balances and history out."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """The one door (pipeline.accept) and everything behind it."""

    name = "ledger"

    def ready(self) -> None:
        """Hand in what a scrape reads from the tables, and what staff may do; imported here because models are ready only now."""
        from ledger.instruments import LedgerCollector  # noqa: PLC0415
        from ledger.records import counts  # noqa: PLC0415
        from ledger.sealing.instruments import SealCollector  # noqa: PLC0415
        from ledger.staff_acts import register_acts  # noqa: PLC0415
        from metrics.exposition import provide  # noqa: PLC0415
        from metrics.records import provide_counts  # noqa: PLC0415

        provide(LedgerCollector())
        provide(SealCollector())
        register_acts()
        provide_counts(counts)
