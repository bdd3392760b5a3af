"""Authentication of the REST API: `Authorization: Bearer <token>` becomes a `Credential`.

Promises: one query per token and TOKEN_CACHE_SECONDS, none in between; whatever stands in the header, the answer is a
credential or a 401 (429 where an address sends too many that are none), never a 500. A revoked token or client, and a withdrawn
right, end in the process that withdrew it at once, in every other within TOKEN_CACHE_SECONDS, and everywhere at once for calls of
a critical scope (settings.CRITICAL_SCOPES): those look at the table each time. Must never keep or log a token: only its SHA-256
checksum is looked at.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.request import Request

from security.last_use import note_use
from security.limits import TOKEN_CACHE_ENTRIES_LIMIT, TOKEN_CACHE_SECONDS, TOKEN_CHARS_LIMIT
from security.networks import address_of, is_within
from security.queries import Credential, credential_of
from security.rates import TooMany, count_failure
from security.scopes import REALM, scope_needed
from security.signatures import check_head

__all__ = ["CREDENTIALS", "REALM", "BearerToken", "Credential", "CredentialCache", "NetworkForbidden"]

BEARER = "bearer"
# The characters of a token in RFC 6750, section 2.1.
TOKEN_PATTERN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class CredentialCache:
    """What this process read about tokens in the last seconds, by checksum. Misses are not kept.

    Readers take no lock: a dictionary's get is atomic. The oldest entry goes first when it is full.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._entries: dict[str, tuple[float, Credential]] = {}
        self._write = threading.Lock()

    def get(self, *, token_checksum: str) -> Credential | None:
        """Return the credential, from memory if it was read within TOKEN_CACHE_SECONDS, else from the table."""
        entry = self._entries.get(token_checksum)
        if entry is not None and self.clock() < entry[0]:
            return entry[1]
        return self.read(token_checksum=token_checksum)

    def read(self, *, token_checksum: str) -> Credential | None:
        """Return the credential from the table as it is now, and remember it."""
        started = self.clock()
        credential = credential_of(token_checksum=token_checksum)
        if credential is not None:
            note_use(client_pk=credential.client_pk, last_used_at=credential.last_used_at, now=timezone.now())
        # The age counts from before the query: what was revoked while it ran is believed no longer than the limit.
        self._keep(token_checksum=token_checksum, until=started + TOKEN_CACHE_SECONDS, credential=credential)
        return credential

    def clear(self) -> None:
        """Forget everything: called after a client was changed, so that this process knows at once."""
        with self._write:
            self._entries.clear()

    def _keep(self, *, token_checksum: str, until: float, credential: Credential | None) -> None:
        with self._write:
            self._entries.pop(token_checksum, None)
            if credential is None:
                return
            while len(self._entries) >= TOKEN_CACHE_ENTRIES_LIMIT:
                del self._entries[next(iter(self._entries))]
            self._entries[token_checksum] = (until, credential)


CREDENTIALS = CredentialCache()


class NetworkForbidden(PermissionDenied):
    """403: the token is valid, but its client may not call from where the request came."""

    default_code = "network_forbidden"
    default_detail = "This client may not call from this address."


class BearerToken(BaseAuthentication):
    """Sets `request.auth` to the credential and `request.user` to None: a client is not a user."""

    def authenticate(self, request: Request) -> tuple[None, Credential] | None:
        """Return (None, credential); None without a bearer token; raise with one that is not valid, or not valid from here."""
        token = _token_of(request)
        if token is None:
            return None
        if len(token) > TOKEN_CHARS_LIMIT or TOKEN_PATTERN.fullmatch(token) is None:
            raise _failed(request, "The access token is malformed.")
        checksum = hashlib.sha256(token.encode("ascii")).hexdigest()
        critical = scope_needed(request.parser_context.get("view"), request.method) in settings.CRITICAL_SCOPES
        credential = (CREDENTIALS.read if critical else CREDENTIALS.get)(token_checksum=checksum)
        if credential is None:
            raise _failed(request, "The access token is unknown or revoked.")
        if credential.expires_at <= timezone.now():
            raise AuthenticationFailed("The access token has expired.", code="invalid_token")
        if credential.networks and not is_within(address_of(request.META), credential.networks):
            raise NetworkForbidden
        plain: Any = request._request  # noqa: SLF001 - the request that DRF wraps
        plain.signature_evidence = check_head(
            request=plain, keys=credential.keys, required=credential.signature_required
        )
        return None, credential

    def authenticate_header(self, request: Request) -> str:
        """The challenge of RFC 6750: an error is named only if a token was sent."""
        if _token_of(request) is None:
            return f'Bearer realm="{REALM}"'
        return f'Bearer realm="{REALM}", error="invalid_token"'


def _failed(request: Request, sentence: str) -> AuthenticationFailed | Throttled:
    """401 for a token that is none; 429 where too many came from the same origin. An expired one was one: it is not counted."""
    try:
        count_failure(address=address_of(request.META))
    except TooMany as too_many:
        request._request.rate_verdict = too_many.verdict  # type: ignore[attr-defined]  # noqa: SLF001 - the request that DRF wraps
        return Throttled(too_many.verdict.wait_seconds, "Too many calls with invalid tokens from this address.")
    return AuthenticationFailed(sentence, code="invalid_token")


def _token_of(request: Request) -> str | None:
    """What follows `Bearer`, possibly nothing; None if the header is absent or of another scheme."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip(" ") if scheme.lower() == BEARER else None
