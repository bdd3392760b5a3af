"""The acts on OAuth2 clients: create, change, rotate the secret, end the old one, revoke.

A secret leaves this module once, as a return value; the table holds its hash. Every act makes this process forget the
credentials it remembers, so it takes effect here at once and in the other processes within TOKEN_CACHE_SECONDS, for
critical scopes at once as well (see security.authentication).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Self

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Least
from oauth2_provider.generators import generate_client_secret
from oauth2_provider.models import get_access_token_model

from metrics.repository import observed
from security.access import record
from security.access_models import AccessEvent
from security.authentication import CREDENTIALS
from security.limits import SECRET_OVERLAP_DAYS_LIMIT
from security.models import Client, Source
from security.request_context import CURRENT_REQUEST
from security.scopes import scope_list


class ClientRefused(Exception):  # noqa: N818 - it is an expected answer, not an error of the program
    """An act on a client was refused; the text is one sentence for the person who asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a client may call, beside its scopes; lists are separated by blanks, and empty means: no such term."""

    allowed_books: str = ""
    allowed_networks: str = ""
    expires_at: datetime | None = None
    restricted_to_grants: bool = False
    signature_required: bool = False
    rate_read: str = ""
    rate_write: str = ""

    @classmethod
    def of(cls, client: Client) -> Self:
        """The terms of a client as they are."""
        return cls(**{field.name: getattr(client, field.name) for field in fields(cls)})


@observed(repository="clients", expected=(ClientRefused,))
def create_client(
    *,
    name: str,
    scopes: Iterable[str],
    now: datetime,
    highest_priority: str = "normal",
    terms: Terms | None = None,
) -> tuple[Client, str]:
    """Create a client and its source, both under one name; return the client and its secret, the only time it is seen.

    Raises ClientRefused if the name is taken (also by a revoked client) or unusable, a scope does not exist, or a term
    cannot be read.
    """
    values = _checked(name=name, scopes=scopes, highest_priority=highest_priority, terms=terms or Terms())
    secret: str = generate_client_secret()
    try:
        with transaction.atomic():
            source = Source.objects.create(kind=Source.Kind.CLIENT, name=name, created_at=now)
            client = Client.objects.create(
                **values,
                source=source,
                client_secret=secret,
                client_type=Client.CLIENT_CONFIDENTIAL,
                authorization_grant_type=Client.GRANT_CLIENT_CREDENTIALS,
            )
            _record("created", client, f"scopes {client.allowed_scopes}")
    except IntegrityError as error:
        raise ClientRefused(f"The name {name} is taken.") from error
    return client, secret


@observed(repository="clients", expected=(ClientRefused,))
def change_client(
    *,
    client_id: str,
    name: str,
    scopes: Iterable[str],
    highest_priority: str = "normal",
    terms: Terms | None = None,
) -> None:
    """Set a client's name and what it may do; its tokens lose a withdrawn scope and gain none; its source is unchanged.

    Without terms those of the client stay. Raises ClientRefused for an unknown or revoked client, a name that is taken or
    unusable, an unknown scope, or a term that cannot be read.
    """
    values = _checked(name=name, scopes=scopes, highest_priority=highest_priority, terms=terms)
    try:
        with transaction.atomic():
            client = _locked_client(client_id)
            for field, value in values.items():
                setattr(client, field, value)
            client.save(update_fields=[*values, "updated"])
            _record("changed", client, f"scopes {client.allowed_scopes}")
    except IntegrityError as error:
        raise ClientRefused(f"The name {name} is taken.") from error
    CREDENTIALS.clear()


@observed(repository="clients", expected=(ClientRefused,))
def rotate_secret(*, client_id: str, now: datetime, overlap: timedelta = timedelta(0)) -> str:
    """Replace a client's secret and return the new one, the only time it is seen.

    Without an overlap the old secret and every token got with it end now: the reason to rotate may be that somebody else
    has the secret. With one, the old secret still gets tokens until the overlap ends, and no token got with it is valid
    beyond. Rotating again ends an older overlap. Raises ClientRefused for an unknown or revoked client, or an overlap
    that is negative or longer than SECRET_OVERLAP_DAYS_LIMIT.
    """
    if not timedelta(0) <= overlap <= timedelta(days=SECRET_OVERLAP_DAYS_LIMIT):
        raise ClientRefused(f"An overlap lasts from no time to {SECRET_OVERLAP_DAYS_LIMIT} days.")
    secret: str = generate_client_secret()
    with transaction.atomic():
        client = _locked_client(client_id)
        client.previous_secret = client.client_secret if overlap else ""
        client.previous_secret_until = now + overlap if overlap else None
        client.client_secret = secret
        client.save(update_fields=["client_secret", "previous_secret", "previous_secret_until", "updated"])
        _record("got a new secret", client, f"the old one is good until {now + overlap:%Y-%m-%d %H:%M}")
        if overlap:
            tokens = get_access_token_model().objects.filter(application_id=client.pk)
            tokens.update(expires=Least(F("expires"), now + overlap))
        else:
            _delete_tokens(client)
    CREDENTIALS.clear()
    return secret


@observed(repository="clients", expected=(ClientRefused,))
def end_overlap(*, client_id: str) -> None:
    """End the old secret of a rotation before its time, with every token: which secret got a token is not known.

    Raises ClientRefused for an unknown or revoked client, or one without an old secret.
    """
    with transaction.atomic():
        client = _locked_client(client_id)
        if not client.previous_secret:
            raise ClientRefused(f"The client {client_id} has no old secret.")
        client.previous_secret, client.previous_secret_until = "", None
        client.save(update_fields=["previous_secret", "previous_secret_until", "updated"])
        _delete_tokens(client)
        _record("lost its old secret", client, "")
    CREDENTIALS.clear()


@observed(repository="clients", expected=(ClientRefused,))
def revoke_client(*, client_id: str, now: datetime) -> None:
    """End a client for ever, with its tokens. Its source, and all that it sent, stay; its name stays taken.

    Raises ClientRefused for an unknown client or one that is revoked already.
    """
    with transaction.atomic():
        client = _locked_client(client_id)
        client.revoked_at = now
        client.save(update_fields=["revoked_at", "updated"])
        _delete_tokens(client)
        _record("revoked", client, "")
    CREDENTIALS.clear()


@observed(repository="clients", expected=(ClientRefused,))
def client_of(*, client_id: str) -> Client:
    """Return a client. Raises ClientRefused if there is none."""
    client: Client | None = Client.objects.filter(client_id=client_id).order_by("id").first()
    if client is None:
        raise ClientRefused(f"There is no client {client_id}.")
    return client


def _checked(*, name: str, scopes: Iterable[str], highest_priority: str, terms: Terms | None) -> dict[str, object]:
    """The columns to write; refuses what the fields of Client would refuse in a form."""
    values: dict[str, object] = {
        "name": name,
        "allowed_scopes": scope_list(scopes=scopes),
        "highest_priority": highest_priority,
    }
    if terms is not None:
        given = asdict(terms)
        lists = {field: " ".join(given[field].split()) for field in ("allowed_books", "allowed_networks")}
        values |= given | lists
    for field, value in values.items():
        try:
            Client._meta.get_field(field).clean(value, None)  # noqa: SLF001 - Django documents _meta
        except ValidationError as error:
            raise ClientRefused(error.messages[0]) from error
    return values


def _locked_client(client_id: str) -> Client:
    """The client, locked against a second act at the same time."""
    client: Client | None = Client.objects.select_for_update().filter(client_id=client_id).order_by("id").first()
    if client is None:
        raise ClientRefused(f"There is no client {client_id}.")
    if client.revoked_at is not None:
        raise ClientRefused(f"The client {client_id} is revoked.")
    return client


def _record(act: str, client: Client, detail: str) -> None:
    """Into the access record; outside a request it was the one who may use the command line."""
    who = "" if CURRENT_REQUEST.get() else "command line"
    record(event=AccessEvent.CLIENT, what=f"client {client.name} ({client.client_id}) {act} {detail}".strip(), who=who)


def _delete_tokens(client: Client) -> None:
    get_access_token_model().objects.filter(application_id=client.pk).delete()
