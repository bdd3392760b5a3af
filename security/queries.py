"""Reads of the security app: what a token stands for, and which clients there are."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F
from oauth2_provider.models import get_access_token_model

from security.models import Client
from security.scopes import granted_scopes


@dataclass(frozen=True, slots=True)
class Credential:
    """What one access token stands for. It is all that the layers below learn of the caller."""

    client_id: str
    source_id: int
    scopes: frozenset[str]
    token_id: int
    expires_at: datetime
    highest_priority: str = "normal"


def credential_of(*, token_checksum: str) -> Credential | None:
    """Return what the token with this SHA-256 checksum stands for, in one query; None if unknown or revoked.

    The scopes are those of the token that the client may still have, so withdrawing a scope needs no new token. A token
    that was asked for another resource server (RFC 8707) is not for us. The caller compares `expires_at`.
    """
    row = (
        get_access_token_model()
        .objects.filter(token_checksum=token_checksum, application__revoked_at=None, resource=[])
        .values_list(
            F("application__client_id"),
            F("application__source_id"),
            F("application__allowed_scopes"),
            F("scope"),
            F("id"),
            F("expires"),
            F("application__highest_priority"),
        )
        .first()
    )
    if row is None:
        return None
    client_id, source_id, allowed_scopes, token_scopes, token_id, expires_at, highest_priority = row
    scopes = granted_scopes(allowed=allowed_scopes) & frozenset(token_scopes.split())
    return Credential(
        client_id=client_id,
        source_id=source_id,
        scopes=scopes,
        token_id=token_id,
        expires_at=expires_at,
        highest_priority=highest_priority,
    )


@dataclass(frozen=True, slots=True)
class ClientSummary:
    """What may be told of a client: all but its secret."""

    name: str
    client_id: str
    scopes: str
    created_at: datetime
    revoked_at: datetime | None


def clients() -> list[ClientSummary]:
    """Every client, also revoked ones, in the order of their names. There are tens of them, so this has no pages."""
    rows = Client.objects.order_by("name", "id").values_list(
        "name", "client_id", "allowed_scopes", "created", "revoked_at"
    )
    return [
        ClientSummary(name=name, client_id=client_id, scopes=scopes, created_at=created_at, revoked_at=revoked_at)
        for name, client_id, scopes, created_at, revoked_at in rows
    ]
