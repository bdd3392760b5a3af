"""What the toolkit does differently here: who counts as a client, and what introspection tells.

Only the client credentials grant exists (oauthlib's BackendApplicationServer, named in security.api).
"""

import hashlib
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from oauth2_provider.models import get_access_token_model
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauth2_provider.oauth2_validators import OAuth2Validator

from security.models import Client
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
            "exp": int(found["expires"].timestamp()),
            "iat": int(found["created"].timestamp()),
        }

    def _load_application(self, client_id: str, request: Any) -> Client | None:
        # The toolkit guards against the ValueError of psycopg2; psycopg 3 raises another error for a zero byte, which
        # would become a 500.
        if client_id is None or "\x00" in client_id:
            return None
        client: Client | None = super()._load_application(client_id, request)
        return client


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
