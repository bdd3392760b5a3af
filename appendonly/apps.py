"""The insert-only kernel as a Django app; it keeps the runtime role's rights in step with the tables."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AppendonlyConfig(AppConfig):
    """Registers the hand-over of rights that follows every migration."""

    name = "appendonly"

    def ready(self) -> None:
        """Hand out rights after migrations; it must come last, so it listens for the signal of every app."""
        from appendonly.rights import grant_runtime_rights  # noqa: PLC0415 - models are ready only now

        post_migrate.connect(grant_runtime_rights, dispatch_uid="appendonly.rights")
