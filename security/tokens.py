"""What the toolkit does differently here: who counts as a client, and what introspection tells.

Only the client credentials grant exists (oauthlib's BackendApplicationServer, named in security.api).
"""

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.models import get_access_token_model
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.settings import oauth2_settings
from oauthlib.oauth2 import InvalidClientError

from security.last_use import note_use
from security.models import Client
from security.networks import address_of, is_within, networks_of
from security.rates import count_failure, count_token_call
from security.scopes import granted_scopes, scope_list

OAuthResponse = tuple[dict[str, str], str, int]


class ClientCredentialsValidator(OAuth2Validator):  # type: ignore[misc] # the toolkit has no types
    """The toolkit's validator, closed where it fails open or fails loudly."""

    def introspect_token(
        self, token: str, _token_type_hint: str, request: Any, *_args: Any, **_kwargs: Any
    ) -> dict[str, Any] | None:
        """The claims of RFC 7662 about a live token of the asking client; None for all others, whatever the reason.

        The toolkit's own view tells any client about any token. Scopes are what the token can do now.
        """
        row = get_access_token_model().objects.filter(
            token_checksum=hashlib.sha256(token.encode("utf-8")).hexdigest(),
            application_id=request.client.pk,
            expires__gt=timezone.now(),
        )
        found = row.values("scope", "expires", "created").first()
        if found is None:
            return None
        scopes = frozenset(found["scope"].split()) & granted_scopes(allowed=request.client.allowed_scopes)
        return {
            "scope": scope_list(scopes=scopes),
            "client_id": request.client.client_id,
            "token_type": "Bearer",
            "exp": int(min(found["expires"], request.client.expires_at or found["expires"]).timestamp()),
            "iat": int(found["created"].timestamp()),
        }

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Authenticate, then count: who has the secret against the client's rate, who has not against the address's failures.

        In this order, so that who fails in a client's name takes nothing from it. Raises security.rates.TooMany.
        """
        address = address_of(request.headers)
        if not super().authenticate_client(request, *args, **kwargs):
            count_failure(address=address)
            return False
        count_token_call(address=address, client_pk=request.client.pk)
        return True

    def _load_application(self, client_id: str, request: Any) -> Client | None:
        # The toolkit guards against the ValueError of psycopg2; psycopg 3 raises another error for a zero byte, which
        # would become a 500.
        if client_id is None or "\x00" in client_id:
            return None
        client: Client | None = super()._load_application(client_id, request)
        if client is not None and client.allowed_networks:
            networks = networks_of(client.allowed_networks)
            if not is_within(address_of(request.headers), networks):
                request.client = client = None
        return client

    def _authenticate_basic_auth(self, request: Any) -> bool:
        return self._with_either_secret(super()._authenticate_basic_auth, request)

    def _authenticate_request_body(self, request: Any) -> bool:
        return self._with_either_secret(super()._authenticate_request_body, request)

    def _with_either_secret(self, authenticate: Callable[[Any], bool], request: Any) -> bool:
        """Try the client's secret, then, while a rotation overlaps, the one before; `request.client` keeps the one that fits."""
        if authenticate(request):
            return True
        client: Client | None = request.client
        if client is None or client.previous_secret_until is None or client.previous_secret_until <= timezone.now():
            return False
        current, client.client_secret = client.client_secret, client.previous_secret
        if authenticate(request):
            return True
        client.client_secret = current
        return False

    def _save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        # Locked against a rotation or a revocation at the same time, which would not see this token.
        stored = Client.objects.select_for_update(no_key=True).get(pk=request.client.pk)
        used = request.client.client_secret
        if stored.revoked_at is not None or used not in {stored.client_secret, stored.previous_secret}:
            raise InvalidClientError(request=request)
        super()._save_bearer_token(token, request, *args, **kwargs)
        note_use(client_pk=stored.pk, last_used_at=stored.last_used_at, now=timezone.now())


def seconds_of_token(request: Any) -> int:
    """How long a new token is valid: no longer than its client, nor than an old secret that it was got with."""
    client: Client = request.client
    ends = [client.expires_at, client.previous_secret_until if client.client_secret == client.previous_secret else None]
    left = [int((end - timezone.now()).total_seconds()) for end in ends if end is not None]
    usual: int = oauth2_settings.ACCESS_TOKEN_EXPIRE_SECONDS
    return max(0, min([usual, *left]))


class ClientCredentialsCore(OAuthLibCore):  # type: ignore[misc] # the toolkit has no types
    """The bridge from a Django request to oauthlib, with the one endpoint that the toolkit answers without oauthlib."""

    def extract_body(self, request: HttpRequest) -> list[tuple[str, str]]:
        """The parameters that have a value: RFC 6749, section 3.2, treats the others as omitted."""
        return [(name, value) for name, value in super().extract_body(request) if value]

    def create_introspection_response(self, request: HttpRequest) -> OAuthResponse:
        """Answer RFC 7662 for an authenticated client."""
        uri, http_method, body, headers = self._extract_params(request)
        response: OAuthResponse = self.server.create_introspect_response(uri, http_method, body, headers)
        return response
