"""Mass operations as a Django app."""

from django.apps import AppConfig


class MassopsConfig(AppConfig):
    """The app."""

    name = "massops"
    verbose_name = "Mass operations"

    def ready(self) -> None:
        """Hand in what a scrape reads from the tables; imported here because models are ready only now."""
        from massops.instruments import MassOperationsCollector  # noqa: PLC0415
        from metrics.exposition import provide  # noqa: PLC0415

        provide(MassOperationsCollector())
