"""The acts on OAuth2 clients: create, change, rotate the secret, revoke.

A secret leaves this module once, as a return value; the table holds its hash. Every act makes this process forget the
credentials it remembers, so it takes effect here at once and in the other processes within TOKEN_CACHE_SECONDS.
"""

from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import get_access_token_model

from security.authentication import CREDENTIALS
from security.models import Client, Source
from security.scopes import scope_list


class ClientRefused(Exception):  # noqa: N818 - it is an expected answer, not an error of the program
    """An act on a client was refused; the text is one sentence for the person who asked."""


def create_client(
    *, name: str, scopes: Iterable[str], now: datetime, highest_priority: str = "normal"
) -> tuple[Client, str]:
    """Create a client and its source, both under one name; return the client and its secret, the only time it is seen.

    Raises ClientRefused if the name is taken (also by a revoked client) or unusable, or a scope does not exist.
    """
    allowed_scopes = scope_list(scopes=scopes)
    _check(name=name, allowed_scopes=allowed_scopes)
    secret: str = generate_client_secret()
    try:
        with transaction.atomic():
            source = Source.objects.create(kind=Source.Kind.CLIENT, name=name, created_at=now)
            client = Client.objects.create(
                name=name,
                source=source,
                allowed_scopes=allowed_scopes,
                highest_priority=highest_priority,
                client_secret=secret,
                client_type=Client.CLIENT_CONFIDENTIAL,
                authorization_grant_type=Client.GRANT_CLIENT_CREDENTIALS,
            )
    except IntegrityError as error:
        raise ClientRefused(f"The name {name} is taken.") from error
    return client, secret


def change_client(*, client_id: str, name: str, scopes: Iterable[str], highest_priority: str = "normal") -> None:
    """Set a client's name and what it may do; its tokens lose a withdrawn scope and gain none; its source is unchanged.

    Raises ClientRefused for an unknown or revoked client, a name that is taken or unusable, or an unknown scope.
    """
    allowed_scopes = scope_list(scopes=scopes)
    _check(name=name, allowed_scopes=allowed_scopes)
    try:
        with transaction.atomic():
            client = _locked_client(client_id)
            client.name = name
            client.allowed_scopes = allowed_scopes
            client.highest_priority = highest_priority
            client.save(update_fields=["name", "allowed_scopes", "highest_priority", "updated"])
    except IntegrityError as error:
        raise ClientRefused(f"The name {name} is taken.") from error
    CREDENTIALS.clear()


def rotate_secret(*, client_id: str) -> str:
    """Replace a client's secret and return the new one, the only time it is seen.

    The old secret and every token got with it end now: the reason to rotate may be that somebody else has the secret.
    Raises ClientRefused for an unknown or revoked client.
    """
    secret: str = generate_client_secret()
    with transaction.atomic():
        client = _locked_client(client_id)
        client.client_secret = secret
        client.save(update_fields=["client_secret", "updated"])
        _delete_tokens(client)
    CREDENTIALS.clear()
    return secret


def revoke_client(*, client_id: str, now: datetime) -> None:
    """End a client for ever, with its tokens. Its source, and all that it sent, stay; its name stays taken.

    Raises ClientRefused for an unknown client or one that is revoked already.
    """
    with transaction.atomic():
        client = _locked_client(client_id)
        client.revoked_at = now
        client.save(update_fields=["revoked_at", "updated"])
        _delete_tokens(client)
    CREDENTIALS.clear()


def _check(*, name: str, allowed_scopes: str) -> None:
    """Refuse what the fields of Client would refuse in a form."""
    for field, value in (("name", name), ("allowed_scopes", allowed_scopes)):
        try:
            Client._meta.get_field(field).clean(value, None)  # noqa: SLF001 - Django documents _meta
        except ValidationError as error:
            raise ClientRefused(error.messages[0]) from error


def _locked_client(client_id: str) -> Client:
    """The client, locked against a second act at the same time."""
    client: Client | None = Client.objects.select_for_update().filter(client_id=client_id).order_by("id").first()
    if client is None:
        raise ClientRefused(f"There is no client {client_id}.")
    if client.revoked_at is not None:
        raise ClientRefused(f"The client {client_id} is revoked.")
    return client


def _delete_tokens(client: Client) -> None:
    get_access_token_model().objects.filter(application_id=client.pk).delete()
