"""What a service in production refuses to start with, and that it says so before anything else."""

import os
import secrets
import subprocess
import sys

import pytest

from billing_project import local_keys
from billing_project.production import faults
from billing_project.settings import BASE_DIR

GOOD = secrets.token_urlsafe(48)
WEAK = ["", "not-long", "a" * 60, "ab" * 40, "django-insecure-" + GOOD, "changeme" + GOOD, "Secret" + GOOD]


def told(**changed):
    given = {"secret_key": GOOD, "fallbacks": [], "metrics_token": "", "allowed_hosts": ["ledger.example.com"]}
    return faults(**{**given, **changed})


def test_good_settings_have_no_faults():
    assert told() == []
    assert told(metrics_token=GOOD, fallbacks=[GOOD]) == []


@pytest.mark.parametrize("weak", WEAK, ids=range(len(WEAK)))
def test_a_weak_secret_is_told_and_not_repeated(weak):
    (first,) = told(secret_key=weak)
    (second,) = told(fallbacks=[GOOD, weak])

    assert first.startswith("SECRET_KEY is too short")
    assert second.startswith("SECRET_KEY_FALLBACKS")
    assert not weak or weak not in first + second


def test_any_host_and_a_short_token_are_told():
    assert "ALLOWED_HOSTS" in told(allowed_hosts=["a.example", "*"])[0]
    assert "METRICS_TOKEN" in told(metrics_token="short")[0]


def start(tmp_path, **variables):
    """Read the settings in a process of their own, in production."""
    given = {
        "ENVIRONMENT": "production",
        "MAC_KEYS": f"k1:{GOOD}",
        "ALLOWED_HOSTS": "ledger.example.com",
        "STATE_DIR": str(tmp_path),
        "DATABASE_URL": "postgres://a:b@localhost:1/c",
        "REDIS_URL": "redis://localhost:1/0",
        **variables,
    }
    code = (
        "from django.conf import settings as s; print(s.SECRET_KEY, s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE,"
        " s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS, s.SECOND_FACTOR_REQUIRED, s.DEBUG)"
    )
    environment = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "billing_project.settings", **given}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout.strip(), done.stderr


def test_it_refuses_to_start_with_a_weak_secret_and_does_not_tell_it(tmp_path):
    code, _, error = start(tmp_path, SECRET_KEY="changeme-123")

    assert code != 0
    assert "SECRET_KEY is too short" in error
    assert "changeme-123" not in error


def test_secrets_come_from_files_and_a_line_break_at_the_end_is_none_of_theirs(tmp_path):
    (tmp_path / "secret").write_text(f"{GOOD}\n")
    seal_key = local_keys.seal_keys(tmp_path)
    (tmp_path / "seal").write_text(seal_key)

    code, out, error = start(
        tmp_path,
        SECRET_KEY_FILE=str(tmp_path / "secret"),
        SEAL_KEYS_FILE=str(tmp_path / "seal"),
        SEAL_ORIGIN="x.example",
    )

    assert code == 0, error
    assert out == f"{GOOD} __Host-sessionid True True True 31536000 True False"
