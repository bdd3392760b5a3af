"""Background work of the security app."""

from typing import Any

from celery import shared_task
from django.utils import timezone
from oauth2_provider.models import clear_expired

from security import approvals
from security.sessions import SessionStore


@shared_task  # type: ignore[untyped-decorator] # Celery has no types
def clear_expired_tokens(**_unknown: Any) -> None:
    """Delete expired access tokens, in batches (CLEAR_EXPIRED_TOKENS_BATCH_SIZE); harmless to repeat."""
    clear_expired()


@shared_task  # type: ignore[untyped-decorator] # Celery has no types
def apply_due_approvals(**_unknown: Any) -> None:
    """Ring once for each approval whose effect is late, so that one that fails holds up no other."""
    for approval_id in approvals.due(now=timezone.now()):
        apply_approval.delay(approval_id=approval_id)


@shared_task  # type: ignore[untyped-decorator] # Celery has no types
def apply_approval(*, approval_id: int, **_unknown: Any) -> None:
    """Run the handler of one approval, unless its effect is recorded."""
    approvals.apply(approval_id=approval_id)


@shared_task  # type: ignore[untyped-decorator] # Celery has no types
def clear_expired_sessions(**_unknown: Any) -> None:
    """Delete sessions that are over; harmless to repeat."""
    SessionStore.clear_expired()
