"""The security app: it identifies, authenticates and authorizes. It knows nothing of accounts or of the ledger."""

from django.apps import AppConfig


class SecurityConfig(AppConfig):
    """Registers the app under the label that OAUTH2_PROVIDER_APPLICATION_MODEL names."""

    name = "security"
    verbose_name = "Security"
