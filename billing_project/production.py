"""What a service in production refuses to start with: settings under which anybody could come in. Read by settings.py."""

from collections.abc import Sequence

SECRET_CHARS_MIN = 50  # as Django's own check --deploy asks for; 256 random bits take 43 characters of base64
SECRET_DIFFERENT_CHARS_MIN = 10
TOKEN_CHARS_MIN = 20
# What people leave in place of a secret; in lower case.
_PLACEHOLDERS = ("django-insecure-", "insecure", "changeme", "change-me", "change_me", "secret", "password", "example")


def faults(*, secret_key: str, fallbacks: Sequence[str], metrics_token: str, allowed_hosts: Sequence[str]) -> list[str]:
    """Return a sentence for each setting that is not acceptable in production; no sentence tells a secret."""
    found = [
        f"{name} is too short, too simple or a placeholder: give at least {SECRET_CHARS_MIN} random characters."
        for name, secrets in (("SECRET_KEY", [secret_key]), ("SECRET_KEY_FALLBACKS", fallbacks))
        if any(_is_weak(secret) for secret in secrets)
    ]
    if metrics_token and len(metrics_token) < TOKEN_CHARS_MIN:
        found.append(f"METRICS_TOKEN is too short: give at least {TOKEN_CHARS_MIN} random characters.")
    if any(host.strip() == "*" for host in allowed_hosts):
        found.append("ALLOWED_HOSTS must name the hosts of the service; '*' lets anybody choose the name in its links.")
    return found


def _is_weak(secret: str) -> bool:
    return (
        len(secret) < SECRET_CHARS_MIN
        or len(set(secret)) < SECRET_DIFFERENT_CHARS_MIN
        or secret.lower().startswith(_PLACEHOLDERS)
    )
