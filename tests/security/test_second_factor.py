"""The second factor: what a code is good for, and how often."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap
from django.db import connection, connections
from django.utils import timezone
from django_otp.oath import totp

from security import second_factor
from security.second_factor import CodeRefused
from security.staff_models import Authenticator, RecoveryCode
from tests.security.staff import Person

# RFC 6238, appendix B (SHA-1), the last six of its eight digits.
RFC_KEY = b"12345678901234567890"
RFC_CODES = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.fixture
def anna():
    person = Person("anna")
    person.recovery_codes = person.enrol()
    return person


def verify(person, code, now=None):
    return second_factor.verify(user_id=person.user.pk, code=code, now=now or timezone.now())


def calm(person):
    """Forget the failures, so that the next code is looked at without waiting."""
    Authenticator.objects.filter(user=person.user).update(throttling_failure_count=0)


@pytest.mark.parametrize(("second", "code"), RFC_CODES)
def test_codes_are_those_of_the_rfc(anna, second, code):
    Authenticator.objects.filter(user=anna.user).update(wrapped_key=second_factor._wrap(RFC_KEY), last_step=-1)

    verify(anna, code, datetime.fromtimestamp(second, UTC))


def test_a_code_is_good_once(anna):
    code = anna.code()
    verify(anna, code)

    with pytest.raises(CodeRefused, match="used before"):
        verify(anna, code)


def test_a_code_that_is_sent_many_times_at_once_is_good_once(anna):
    code, together = anna.code(), threading.Barrier(6)

    def send(_number):
        together.wait()
        try:
            return bool(verify(anna, code))
        except CodeRefused:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(send, range(6))) == [False] * 5 + [True]


@pytest.mark.parametrize("age_seconds", [-120, -90, 90, 120, 3600])
def test_a_code_of_another_time_is_refused(anna, age_seconds):
    now = timezone.now()
    early = totp(base64.b32decode(anna.key), t0=age_seconds)

    with pytest.raises(CodeRefused):
        verify(anna, f"{early:06}", now)


@pytest.mark.parametrize("code", ["", "000000x", "12345", "1234567", "١٢٣٤٥٦", "abcdef", "a" * 16, "-" * 40])
def test_what_is_no_code_is_refused(anna, code):
    with pytest.raises(CodeRefused):
        verify(anna, code)


def test_after_wrong_codes_the_next_has_to_wait(anna):
    for _ in range(3):
        with pytest.raises(CodeRefused):
            verify(anna, "nonsense")
        Authenticator.objects.filter(user=anna.user).update(throttling_failure_timestamp=timezone.now())

    with pytest.raises(CodeRefused, match="wait a while"):
        verify(anna, anna.code())

    past = timezone.now() - timedelta(minutes=1)
    Authenticator.objects.filter(user=anna.user).update(throttling_failure_timestamp=past)
    verify(anna, anna.code())


def test_a_recovery_code_is_good_once_and_for_its_person_only(anna):
    other = Person("otto")
    other.enrol()
    code = anna.recovery_codes[0]

    with pytest.raises(CodeRefused):
        verify(other, code)
    verify(anna, code.upper())
    with pytest.raises(CodeRefused):
        verify(anna, code)
    assert second_factor.recovery_codes_left(user_id=anna.user.pk) == len(anna.recovery_codes) - 1


def test_new_recovery_codes_end_the_old_ones(anna):
    old = anna.recovery_codes[0]
    (new, *_) = second_factor.new_recovery_codes(user_id=anna.user.pk)

    with pytest.raises(CodeRefused):
        verify(anna, old)
    calm(anna)
    verify(anna, new)


def test_another_authenticator_replaces_the_first_one_when_its_code_was_seen(anna):
    first = anna.key
    anna.key, _ = second_factor.begin(user_id=anna.user.pk, username=anna.name)
    assert anna.key != first
    assert second_factor.begin(user_id=anna.user.pk, username=anna.name)[0] == anna.key
    with pytest.raises(CodeRefused):
        second_factor.confirm(user_id=anna.user.pk, code="000000", now=timezone.now())
    assert Authenticator.objects.filter(user=anna.user).count() == 2

    Authenticator.objects.filter(user=anna.user).update(throttling_failure_count=0)
    second_factor.confirm(user_id=anna.user.pk, code=anna.code(), now=timezone.now())

    assert Authenticator.objects.filter(user=anna.user, confirmed=True).count() == 1
    verify(anna, anna.code())


def test_neither_key_nor_codes_are_in_the_database(anna):
    key = base64.b32decode(anna.key)
    secrets = [key.hex(), anna.key.lower(), *(code.replace("-", "") for code in anna.recovery_codes)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(a::text, ' ') FROM security_authenticator a WHERE user_id = %s", [anna.user.pk]
        )
        stored = cursor.fetchone()[0]
        cursor.execute(
            "SELECT string_agg(c::text, ' ') FROM security_recoverycode c WHERE user_id = %s", [anna.user.pk]
        )
        stored += cursor.fetchone()[0]

    assert not [secret for secret in secrets if secret in stored]
    assert RecoveryCode.objects.filter(user=anna.user).count() == 10


def test_an_older_secret_key_still_opens_the_authenticator(anna, settings):
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-key-of-this-service-that-is-long"
    with pytest.raises(InvalidUnwrap):
        verify(anna, "123456")

    settings.SECRET_KEY_FALLBACKS = [old]
    verify(anna, anna.code())
