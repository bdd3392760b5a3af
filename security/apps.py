"""The security app: it identifies, authenticates and authorizes. It knows nothing of accounts or of the ledger."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Loaded with this app, because every app's configuration is imported before django-import-export is.
from security import workbook_format
from security.quotas import quota_of

__all__ = ["SecurityConfig", "workbook_format"]


class SecurityConfig(AppConfig):
    """Registers the app under the label that OAUTH2_PROVIDER_APPLICATION_MODEL names."""

    name = "security"
    verbose_name = "Security"

    def ready(self) -> None:
        """Listen to what the access record is made of; hand in gauges. Raises ImproperlyConfigured for a bad rate."""
        for name in ("RATE_LIMIT_READ", "RATE_LIMIT_WRITE", "RATE_LIMIT_OAUTH", "RATE_LIMIT_FAILED"):
            try:
                quota_of(getattr(settings, name))
            except ValueError as error:
                raise ImproperlyConfigured(f"{name}: {error}") from error
        from metrics.exposition import provide  # noqa: PLC0415 - models are ready only now
        from security import access_sources, grant_approvals  # noqa: PLC0415 - likewise
        from security.instruments import ApprovalsCollector  # noqa: PLC0415 - likewise

        provide(ApprovalsCollector())
        access_sources.connect()
        grant_approvals.register_act()
