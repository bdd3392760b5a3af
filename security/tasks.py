"""Background work of the security app."""

from typing import Any

from celery import shared_task
from oauth2_provider.models import clear_expired


@shared_task  # type: ignore[untyped-decorator] # Celery has no types
def clear_expired_tokens(**_unknown: Any) -> None:
    """Delete expired access tokens, in batches (CLEAR_EXPIRED_TOKENS_BATCH_SIZE); harmless to repeat."""
    clear_expired()
