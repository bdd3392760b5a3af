"""Enrolment codes: who sets up a first second factor shows a code that an administrator handed over.

Without it, whoever learns the password of a person who has no authenticator yet could set up one of their own. A code is good for
one person, once, for ENROLMENT_HOURS; a new one ends the older. The table holds its digest: it leaves this module once.
"""

import base64
import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings

from metrics.repository import observed
from security.limits import ENROLMENT_HOURS, RECOVERY_CODE_BYTES
from security.second_factor import CodeRefused, has_authenticator
from security.staff_models import Authenticator, EnrolmentCode


def is_needed(*, user_id: int) -> bool:
    """Whether this person must show a code: a first authenticator, where the setting ENROLMENT_CODE asks for one."""
    return settings.ENROLMENT_CODE_REQUIRED and not has_authenticator(user_id=user_id)


@observed(repository="staff")
def new_enrolment_code(*, user_id: int, now: datetime) -> str:
    """Return a new code for the person, the only time that it is seen; an older one ends."""
    code = base64.b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode().lower()
    fields = {"digest": _digest(code), "expires_at": now + timedelta(hours=ENROLMENT_HOURS)}
    EnrolmentCode.objects.update_or_create(user_id=user_id, defaults=fields)
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


@observed(repository="staff", expected=(CodeRefused,))
def shown(*, user_id: int, code: str, now: datetime) -> str:
    """Return what `is_open` wants, for a code that was shown. Raises CodeRefused.

    A set-up that was begun before is forgotten: whoever began it without the code has seen its key.
    """
    digest = _digest("".join(code.split()).replace("-", "").lower())
    if not is_open(user_id=user_id, digest=digest, now=now):
        raise CodeRefused("This is not your enrolment code, or it has ended. Ask an administrator for a new one.")
    Authenticator.objects.filter(user_id=user_id, confirmed=False).delete()
    return digest


@observed(repository="staff")
def is_open(*, user_id: int, digest: str, now: datetime) -> bool:
    """Whether the code with this digest is the person's, and still good."""
    return EnrolmentCode.objects.filter(user_id=user_id, digest=digest, expires_at__gt=now).exists()


@observed(repository="staff")
def end_enrolment(*, user_id: int) -> None:
    """Forget the person's code: it was used."""
    EnrolmentCode.objects.filter(user_id=user_id).delete()


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
