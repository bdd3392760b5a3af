"""Mass operations as a Django app."""

from django.apps import AppConfig


class MassopsConfig(AppConfig):
    """The app."""

    name = "massops"
    verbose_name = "Mass operations"

    def ready(self) -> None:
        """Hand in what a scrape reads from the tables, and tell the approvals what an approved decision means."""
        from massops import deciding  # noqa: PLC0415 - models are ready only now
        from massops.instruments import MassOperationsCollector  # noqa: PLC0415 - likewise
        from metrics.exposition import provide  # noqa: PLC0415 - likewise
        from security import approvals  # noqa: PLC0415 - likewise

        provide(MassOperationsCollector())
        for kind, label in (
            (deciding.APPROVAL_KIND, "Post a mass operation"),
            (deciding.APPROVAL_KIND_OF_CLIENTS, "Post a mass operation of a client"),
        ):
            approvals.register(kind=kind, label=label, handler=deciding.begin)
