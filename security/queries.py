"""Reads of the security app: what a token stands for, and which clients there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from appendonly.sqlfiles import read_sql
from metrics.repository import observed
from security.models import Client
from security.networks import Network, networks_of
from security.rights import Rights, Rule
from security.scopes import granted_scopes
from security.signatures import SigningKey

_CREDENTIAL = read_sql("security/sql/read/credential.sql")


@dataclass(frozen=True, slots=True)
class Credential:
    """What one access token stands for. It is all that the layers below learn of the caller.

    `books` are the names of the books that exist for it, empty for all; `networks` those from which it may call, empty
    for all; `rights` what its grants allow, None for all that its scopes allow; `keys` those with which it may sign, by id.
    """

    client_id: str
    source_id: int
    scopes: frozenset[str]
    token_id: int
    expires_at: datetime
    highest_priority: str = "normal"
    books: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    rights: Rights | None = field(default=None, compare=False)
    signature_required: bool = False
    keys: Mapping[str, SigningKey] = field(default_factory=dict)
    rate_read: str = ""
    rate_write: str = ""
    client_pk: int = field(default=0, compare=False)
    last_used_at: datetime | None = field(default=None, compare=False)

    def knows_book(self, name: str) -> bool:
        """Whether a book, if there is one of this name, exists for this client."""
        return not self.books or name in self.books


@observed(repository="clients")
def credential_of(*, token_checksum: str) -> Credential | None:
    """Return what the token with this SHA-256 checksum stands for, in one query; None if unknown or revoked.

    The scopes are those of the token that the client may still have, so withdrawing a scope needs no new token; it
    expires with its client at the latest. A token that was asked for another resource server (RFC 8707) is not for us.
    The caller compares `expires_at` and `networks`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CREDENTIAL, {"checksum": token_checksum})
        row = cursor.fetchone()
    if row is None:
        return None
    client_pk, client_id, source_id, allowed, granted, token_id, expires_at, priority, *terms = row
    books, networks, used, grants, signature_required, rate_read, rate_write, keys = terms
    return Credential(
        client_id=client_id,
        source_id=source_id,
        scopes=granted_scopes(allowed=allowed) & frozenset(granted.split()),
        token_id=token_id,
        expires_at=expires_at,
        highest_priority=priority,
        books=frozenset(books.split()),
        networks=networks_of(networks),
        client_pk=client_pk,
        last_used_at=used,
        rights=None if grants is None else Rights(_rule(grant) for grant in grants),
        signature_required=signature_required,
        rate_read=rate_read,
        rate_write=rate_write,
        keys={} if keys is None else {key_id: _key(*key) for key_id, key in keys.items()},
    )


def _key(public_key: str, expires: float | None) -> SigningKey:
    return SigningKey(public_key, None if expires is None else datetime.fromtimestamp(expires, UTC))


def _rule(grant: list[Any]) -> Rule:
    grant_id, action, prefix, unit, amount_max, day_max = grant
    return Rule(grant_id, action, prefix, unit, amount_max and Decimal(amount_max), day_max and Decimal(day_max))


@dataclass(frozen=True, slots=True)
class ClientSummary:
    """What may be told of a client: all but its secret."""

    name: str
    client_id: str
    scopes: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@observed(repository="clients")
def clients() -> list[ClientSummary]:
    """Every client, also revoked ones, in the order of their names. There are tens of them, so this has no pages."""
    rows = Client.objects.order_by("name", "id").values_list(
        "name", "client_id", "allowed_scopes", "created", "expires_at", "last_used_at", "revoked_at"
    )
    return [ClientSummary(*row) for row in rows]
