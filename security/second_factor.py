"""The second factor of staff: an authenticator app (TOTP), and recovery codes for when it is lost.

Promises: a code is good once; after wrong ones the next is looked at later and later; neither the key of an authenticator nor a
recovery code is in the database in clear. Recovery codes and the key leave this module once, as return values.
"""

import base64
import hashlib
import secrets
from datetime import datetime
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding, aes_key_wrap_with_padding
from django.conf import settings
from django.db import transaction
from django_otp.oath import TOTP

from metrics.repository import observed
from security.limits import (
    AUTHENTICATOR_KEY_BYTES,
    AUTHENTICATOR_STEP_SECONDS,
    AUTHENTICATOR_STEPS_TOLERATED,
    RECOVERY_CODE_BYTES,
    RECOVERY_CODES,
)
from security.staff_models import Authenticator, RecoveryCode

CODE_DIGITS = 6


class CodeRefused(Exception):  # noqa: N818 - an answer, not a defect
    """The code was not accepted; the text says so to the person, and no more."""


def is_required() -> bool:
    """Whether nobody may use the administration without a second factor (the setting SECOND_FACTOR)."""
    required: bool = settings.SECOND_FACTOR_REQUIRED
    return required


@observed(repository="staff")
def has_authenticator(*, user_id: int) -> bool:
    """Whether the person has set up an authenticator."""
    found: bool = Authenticator.objects.filter(user_id=user_id, confirmed=True).exists()
    return found


@observed(repository="staff")
def recovery_codes_left(*, user_id: int) -> int:
    """How many recovery codes the person still has."""
    return RecoveryCode.objects.filter(user_id=user_id, used_at=None).count()


@observed(repository="staff")
def begin(*, user_id: int, username: str) -> tuple[str, str]:
    """Start, or go on with, the set-up of an authenticator: return its key in base32, and the address that its QR code holds."""
    new = Authenticator(user_id=user_id, confirmed=False, name="Authenticator app")
    new.wrapped_key = _wrap(secrets.token_bytes(AUTHENTICATOR_KEY_BYTES))
    Authenticator.objects.bulk_create([new], ignore_conflicts=True)
    stored = Authenticator.objects.get(user_id=user_id, confirmed=False)
    key = base64.b32encode(_unwrap(bytes(stored.wrapped_key))).decode()
    return key, f"otpauth://totp/Billing:{quote(username)}?secret={key}&issuer=Billing"


@observed(repository="staff", expected=(CodeRefused,))
def confirm(*, user_id: int, code: str, now: datetime) -> tuple[Authenticator, list[str]]:
    """End the set-up with a code of the new authenticator, which replaces an older one; return it and new recovery codes.

    Raises CodeRefused.
    """
    device = _verified(user_id=user_id, code=code, now=now, confirmed=False)
    with transaction.atomic():
        Authenticator.objects.filter(user_id=user_id, confirmed=True).delete()
        Authenticator.objects.filter(pk=device.pk).update(confirmed=True)
        codes = new_recovery_codes(user_id=user_id)
    device.confirmed = True
    return device, codes


@observed(repository="staff")
def new_recovery_codes(*, user_id: int) -> list[str]:
    """Replace the person's recovery codes, and return the new ones: the only time that they are seen."""
    codes = [base64.b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        RecoveryCode.objects.filter(user_id=user_id).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user_id=user_id, digest=_digest(code)) for code in codes)
    return ["-".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in codes]


@observed(repository="staff", expected=(CodeRefused,))
def verify(*, user_id: int, code: str, now: datetime) -> Authenticator:
    """Return the person's authenticator if the code is one of it, or one of the recovery codes. Raises CodeRefused."""
    return _verified(user_id=user_id, code=code, now=now, confirmed=True)


@observed(repository="staff")
def remove(*, user_id: int) -> None:
    """Forget a person's second factor; the next log-in sets up a new one."""
    with transaction.atomic():
        Authenticator.objects.filter(user_id=user_id).delete()
        RecoveryCode.objects.filter(user_id=user_id).delete()


def _verified(*, user_id: int, code: str, now: datetime, confirmed: bool) -> Authenticator:
    """One code after the other: the row is locked, so a code that is sent twice at once is good once.

    Recovery codes are good once the set-up has ended. What a wrong code leaves behind must stay, so nothing is raised inside.
    """
    code = "".join(code.split()).replace("-", "").lower()
    with transaction.atomic():
        rows = Authenticator.objects.select_for_update().filter(user_id=user_id, confirmed=confirmed)
        device: Any = rows.first()
        if device is None:
            raise CodeRefused("There is no authenticator.")
        allowed, _ = device.verify_is_allowed()
        if allowed:
            good = _is_good(device, code, now) or (confirmed and _use_recovery_code(user_id, code, now))
            if good:
                device.throttle_reset(commit=False)
            else:
                device.throttle_increment(commit=False)
            device.save()
    if not allowed:
        raise CodeRefused("There were wrong codes; wait a while, then try the next one.")
    if not good:
        raise CodeRefused("The code is wrong, was used before, or is too old.")
    return device  # type: ignore[no-any-return]


def _is_good(device: Authenticator, code: str, now: datetime) -> bool:
    if len(code) != CODE_DIGITS or not code.isascii() or not code.isdecimal():
        return False
    totp = TOTP(_unwrap(bytes(device.wrapped_key)), step=AUTHENTICATOR_STEP_SECONDS, digits=CODE_DIGITS)
    totp.time = now.timestamp()
    good: bool = totp.verify(int(code), tolerance=AUTHENTICATOR_STEPS_TOLERATED, min_t=device.last_step + 1)
    if good:
        device.last_step = totp.t()
    return good


def _use_recovery_code(user_id: int, code: str, now: datetime) -> bool:
    unused = RecoveryCode.objects.filter(user_id=user_id, digest=_digest(code), used_at=None)
    return unused.update(used_at=now) == 1


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _wrap(key: bytes) -> bytes:
    """The key as the database may hold it (RFC 5649), under a key made of SECRET_KEY."""
    return aes_key_wrap_with_padding(_wrapping_key(settings.SECRET_KEY), key)


def _unwrap(wrapped: bytes) -> bytes:
    """The key. Raises InvalidUnwrap where SECRET_KEY is another, and none of SECRET_KEY_FALLBACKS is the one."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return aes_key_unwrap_with_padding(_wrapping_key(secret), wrapped)
        except InvalidUnwrap:
            continue
    raise InvalidUnwrap


def _wrapping_key(secret: str) -> bytes:
    return hashlib.sha256(b"billing second factor\0" + secret.encode()).digest()
