"""The acts on the public keys of clients: register one, revoke one.

A key is replaced by registering another beside it: both are good until the old one is revoked or ends. In other processes an
act takes effect within TOKEN_CACHE_SECONDS.
"""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from metrics.repository import observed
from security.authentication import CREDENTIALS
from security.clients import ClientRefused, client_of
from security.key_models import ClientKey, plain_key
from security.limits import CLIENT_KEYS_LIMIT


@observed(repository="keys", expected=(ClientRefused,))
def register_key(
    *, client_id: str, key_id: str, public_key: str, now: datetime, expires_at: datetime | None = None
) -> ClientKey:
    """Register a public key (PEM, or its bytes in base64) under an id that the client never used before; return it.

    Raises ClientRefused for an unknown or revoked client, an id that is taken, what is no key, or too many live keys.
    """
    client = client_of(client_id=client_id)
    if client.revoked_at is not None:
        raise ClientRefused(f"The client {client_id} is revoked.")
    if ClientKey.objects.filter(client=client, revoked_at=None).count() >= CLIENT_KEYS_LIMIT:
        raise ClientRefused(f"A client has at most {CLIENT_KEYS_LIMIT} keys at a time.")
    try:
        row = ClientKey(
            client=client, key_id=key_id, public_key=plain_key(public_key), created_at=now, expires_at=expires_at
        )
        row.clean_fields(exclude=["client"])
        with transaction.atomic():
            row.save(force_insert=True)
    except ValidationError as error:
        raise ClientRefused(error.messages[0]) from error
    except IntegrityError as error:
        raise ClientRefused(f"The client had a key {key_id} before; give the new one another id.") from error
    CREDENTIALS.clear()
    return row


@observed(repository="keys", expected=(ClientRefused,))
def revoke_key(*, client_id: str, key_id: str, now: datetime) -> None:
    """End a key. What it signed stays provable. Raises ClientRefused if the client has no such live key."""
    live = ClientKey.objects.filter(client__client_id=client_id, key_id=key_id, revoked_at=None)
    if not live.update(revoked_at=now):
        raise ClientRefused(f"The client {client_id} has no live key {key_id}.")
    CREDENTIALS.clear()
