"""The security app: it identifies, authenticates and authorizes. It knows nothing of accounts or of the ledger."""

from django.apps import AppConfig


class SecurityConfig(AppConfig):
    """Registers the app under the label that OAUTH2_PROVIDER_APPLICATION_MODEL names."""

    name = "security"
    verbose_name = "Security"

    def ready(self) -> None:
        """Listen to what the access record is made of."""
        from security import access_sources  # noqa: PLC0415 - models are ready only now

        access_sources.connect()
