"""The public keys with which clients sign their requests. A key is never deleted: what it signed stays provable."""

import base64
import binascii
from typing import ClassVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from security.limits import KEY_ID_CHARS_LIMIT

_KEY_BYTES = 32


def plain_key(text: str) -> str:
    """Return a public key as 32 bytes in base64, from that or from PEM. Raises ValidationError."""
    try:
        if "-----" in text:
            loaded = load_pem_public_key(text.strip().encode())
            if isinstance(loaded, Ed25519PublicKey):
                return base64.b64encode(loaded.public_bytes_raw()).decode()
        else:
            raw = base64.b64decode("".join(text.split()), validate=True)
            if len(raw) == _KEY_BYTES:
                return base64.b64encode(raw).decode()
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        pass
    raise ValidationError("This is not an Ed25519 public key: PEM, or its 32 bytes in base64.", code="public_key")


def validate_public_key(value: str) -> None:
    """Refuse what is no public key of Ed25519."""
    plain_key(value)


class ClientKey(models.Model):
    """One public key; the client names it by `key_id` in each signature."""

    client = models.ForeignKey("security.Client", models.CASCADE, related_name="keys")
    key_id = models.CharField(
        "key id",
        max_length=KEY_ID_CHARS_LIMIT,
        validators=[RegexValidator(r"\A[A-Za-z0-9._:-]+\Z", "A key id has letters, digits and . _ : - only.")],
        help_text="What the client writes as keyid. A key that replaces another has an id of its own.",
    )
    public_key = models.CharField(
        max_length=200,
        validators=[validate_public_key],
        help_text="The Ed25519 public key, as PEM or as its 32 bytes in base64.",
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="From this moment on nothing signed with it is accepted. Empty: never."
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        app_label = "security"
        db_table = "security_client_key"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["client", "key_id"], name="client_key_once"),
            models.CheckConstraint(condition=Q(public_key__regex=r"^[A-Za-z0-9+/]{43}=$"), name="client_key_ed25519"),
        ]

    def __str__(self) -> str:
        return self.key_id
