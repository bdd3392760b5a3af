"""Who sends messages, and with which credentials.

A `Source` is for ever: every operation names its source, and idempotency keys are unique within one. A `Client` is the
source's OAuth2 credential; it can be renamed, narrowed or revoked without touching what it once sent. No secret and no
token is stored in clear, and the database refuses a client of any other kind than confidential client credentials.
Clients are written by security.clients only.
"""

import re
from datetime import datetime
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from oauth2_provider.models import AbstractApplication

from security.access_models import AccessRecord
from security.approval_models import (
    Approval,
    ApprovalAttempt,
    ApprovalDecision,
    ApprovalEffect,
    ApprovalThreshold,
    StaffSource,
)
from security.grant_models import Grant
from security.key_models import ClientKey
from security.limits import CLIENT_LIST_ITEMS_LIMIT, CLIENT_NAME_CHARS_LIMIT, RATE_CHARS_LIMIT
from security.networks import validate_networks
from security.quotas import validate_rate
from security.scopes import validate_scopes
from security.signed_body_models import SignedBody
from security.staff_models import Authenticator, EnrolmentCode, RecoveryCode, StaffSession

__all__ = [
    "AccessRecord",
    "Approval",
    "ApprovalAttempt",
    "ApprovalDecision",
    "ApprovalEffect",
    "ApprovalThreshold",
    "Authenticator",
    "Client",
    "ClientKey",
    "EnrolmentCode",
    "Grant",
    "RecoveryCode",
    "SignedBody",
    "Source",
    "StaffSession",
    "StaffSource",
]

_book_name = re.compile(r"[-a-zA-Z0-9_]+", re.ASCII).fullmatch


def validate_name(value: str) -> None:
    """Refuse a name that people could not read or would mistake for another."""
    if not value.strip() or value != value.strip() or not value.isprintable():
        raise ValidationError("A name has printable characters, without blanks at its ends.", code="name")


def validate_books(value: str) -> None:
    """Refuse a space-separated list that has something else than names of books in it."""
    if len(value.split()) > CLIENT_LIST_ITEMS_LIMIT:
        raise ValidationError(f"A list has at most {CLIENT_LIST_ITEMS_LIMIT} books.", code="books")
    for name in value.split():
        if not _book_name(name):
            raise ValidationError(f"{name} cannot be the name of a book.", code="books")


class Source(models.Model):
    """Who sends messages: the namespace of idempotency keys. Created once, never changed, never deleted."""

    class Kind(models.TextChoices):
        """What stands behind a source."""

        CLIENT = "client", "OAuth2 client"
        STAFF = "staff", "Member of staff"
        SYSTEM = "system", "The system itself"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    name = models.CharField(max_length=CLIENT_NAME_CHARS_LIMIT, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=["client", "staff", "system"]), name="source_kind_known"),
            models.CheckConstraint(condition=~Q(name=""), name="source_name_given"),
        ]

    def __str__(self) -> str:
        return self.name


class Client(AbstractApplication):  # type: ignore[misc] # the toolkit has no types
    """An OAuth2 client that authenticates with its own credentials; one for each source of the kind `client`."""

    name: "models.CharField[str, str]" = models.CharField(
        max_length=CLIENT_NAME_CHARS_LIMIT, unique=True, validators=[validate_name]
    )
    source: "models.OneToOneField[Source, Source]" = models.OneToOneField(
        Source, on_delete=models.PROTECT, related_name="client"
    )
    allowed_scopes: "models.TextField[str, str]" = models.TextField(
        validators=[validate_scopes], help_text="The scopes that this client may ask for, separated by spaces."
    )
    highest_priority: "models.CharField[str, str]" = models.CharField(
        max_length=16,
        choices=[("critical", "Critical"), ("normal", "Normal"), ("bulk", "Bulk")],
        default="normal",
        help_text="The highest class in which this client's messages may wait.",
    )
    allowed_books: "models.TextField[str, str]" = models.TextField(
        blank=True,
        default="",
        validators=[validate_books],
        help_text="Names of books, separated by blanks; every other book is unknown to this client. Empty: all books.",
    )
    allowed_networks: "models.TextField[str, str]" = models.TextField(
        blank=True,
        default="",
        validators=[validate_networks],
        help_text="Networks from which this client may call, in CIDR notation, separated by blanks, such as "
        "192.0.2.0/24 2001:db8::/32. Empty: from everywhere. Behind a proxy, TRUSTED_PROXIES must name it.",
    )
    expires_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(
        null=True,
        blank=True,
        help_text="From this moment on the client gets no token and its tokens are not valid. Empty: never.",
    )
    signature_required: "models.BooleanField[bool, bool]" = models.BooleanField(
        default=False,
        help_text="Every call must be signed (RFC 9421, Ed25519) with one of the client's registered keys.",
    )
    rate_read: "models.CharField[str, str]" = models.CharField(
        "rate of reading",
        max_length=RATE_CHARS_LIMIT,
        blank=True,
        default="",
        validators=[validate_rate],
        help_text="Requests that read, and the seconds in which they come back, such as 600/60. Empty: as for all.",
    )
    rate_write: "models.CharField[str, str]" = models.CharField(
        "rate of writing",
        max_length=RATE_CHARS_LIMIT,
        blank=True,
        default="",
        validators=[validate_rate],
        help_text="Requests that change something, and the seconds in which they come back, such as 600/60. Empty: as for"
        " all.",
    )
    restricted_to_grants: "models.BooleanField[bool, bool]" = models.BooleanField(
        default=False,
        help_text="Off: the client may do on every account what its scopes allow. On: only what its grants allow, and nothing"
        " without one. The first grant turns it on.",
    )
    previous_secret: "models.CharField[str, str]" = models.CharField(
        max_length=255, blank=True, default="", editable=False
    )
    previous_secret_until: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(
        null=True, blank=True, editable=False
    )
    last_used_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(
        null=True, blank=True, editable=False
    )
    revoked_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(
        null=True, blank=True, editable=False
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    client_type=AbstractApplication.CLIENT_CONFIDENTIAL,
                    authorization_grant_type=AbstractApplication.GRANT_CLIENT_CREDENTIALS,
                ),
                name="client_credentials_only",
            ),
            # A generated secret is letters and digits; every hash of Django starts with `algorithm$`.
            models.CheckConstraint(
                condition=Q(("hash_client_secret", True), ("client_secret__regex", r"^[a-z0-9_]+\$")),
                name="client_secret_hashed",
            ),
            models.CheckConstraint(
                condition=Q(previous_secret="", previous_secret_until=None)
                | Q(("previous_secret__regex", r"^[a-z0-9_]+\$"), ("previous_secret_until__isnull", False)),
                name="previous_secret_hashed",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_usable(self, _request: object) -> bool:
        """Whether the toolkit may authenticate this client: a revoked or expired one gets `invalid_client`."""
        return self.revoked_at is None and (self.expires_at is None or timezone.now() < self.expires_at)
