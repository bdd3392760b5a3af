"""What belongs to people who work in the administration: their second factor and their sessions.

None of it holds a secret in clear: the key of an authenticator is wrapped with a key that is not in the database, recovery codes
and session keys are stored as digests.
"""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django_otp.models import Device, ThrottlingMixin


class Authenticator(ThrottlingMixin, Device):  # type: ignore[misc] # django-otp has no types
    """An authenticator app (TOTP, RFC 6238: SHA-1, 6 digits, 30 seconds). Verified by security.second_factor."""

    wrapped_key: "models.BinaryField[bytes, bytes]" = models.BinaryField()
    # The step of the newest code that was used: a code is good once.
    last_step: "models.BigIntegerField[int, int]" = models.BigIntegerField(default=-1)
    created_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "security"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "confirmed"], name="security_authenticator_one_for_each_person")
        ]

    def get_throttle_factor(self) -> float:
        """After n failures in a row a code is not looked at for 2^(n-1) seconds."""
        return 1

    def __str__(self) -> str:
        return f"authenticator {self.pk}"


class RecoveryCode(models.Model):
    """A code, good once, for a person whose authenticator is lost; as SHA-256 of its 80 random bits."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "security"
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "digest"], name="security_recovery_code_once")]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class EnrolmentCode(models.Model):
    """A code, good once, with which a person sets up a first authenticator; as SHA-256 of its 80 random bits."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    class Meta:
        app_label = "security"
        db_table = "security_enrolment_code"

    def __str__(self) -> str:
        return f"enrolment code of {self.user_id}"


class StaffSession(AbstractBaseSession):
    """One log-in of one browser; written by security.sessions, which alone knows the key behind the digest."""

    session_key = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    address = models.GenericIPAddressField(null=True)
    browser = models.CharField(max_length=200)
    created_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "security"
        verbose_name = "session"

    def __str__(self) -> str:
        return f"session of {self.browser}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        """Where sessions of this table are read and written."""
        from security.sessions import SessionStore  # noqa: PLC0415 - the store reads this table

        return SessionStore
