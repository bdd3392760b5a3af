"""`manage.py serve_metrics`: a listener for scrapers alone, on METRICS_PORT of this machine, without a token."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from prometheus_client import CollectorRegistry, start_http_server

from metrics.exposition import Everything

ADDRESS = "127.0.0.1"


class Command(BaseCommand):
    """Serves until it is told to stop."""

    help = "Serve /metrics on METRICS_PORT of this machine, for scrapers alone."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's attribute

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Serve; ends with the process."""
        if not settings.METRICS_PORT:
            raise CommandError("Set METRICS_PORT to the port to listen on.")
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Everything())
        try:
            _, thread = start_http_server(settings.METRICS_PORT, addr=ADDRESS, registry=registry)
        except OSError as error:
            raise CommandError(f"Port {settings.METRICS_PORT} cannot be used: {error.strerror}.") from error
        self.stdout.write(f"Serving http://{ADDRESS}:{settings.METRICS_PORT}/metrics")
        thread.join()
