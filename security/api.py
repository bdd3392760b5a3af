"""The OAuth2 endpoints: token (RFC 6749), revocation (RFC 7009), introspection (RFC 7662), metadata (RFC 8414).

Only the client credentials grant is served. Every refusal is the JSON object of RFC 6749, section 5.2, also where the
toolkit or Django would answer with a page of HTML or an exception: hence the checks before the toolkit sees a request.
"""

import logging
import math
from urllib.parse import urljoin

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe
from oauth2_provider.settings import oauth2_settings
from oauth2_provider.views.mixins import OAuthLibMixin
from oauthlib.oauth2 import BackendApplicationServer

from security.authentication import CREDENTIALS, REALM
from security.limits import (
    AUTHORIZATION_CHARS_LIMIT,
    FORM_BYTES_LIMIT,
    METADATA_CACHE_SECONDS,
)
from security.rates import TooMany, Verdict
from security.scopes import known_scopes
from security.tokens import ClientCredentialsCore, ClientCredentialsValidator, OAuthResponse, seconds_of_token

logger = logging.getLogger(__name__)
FORM = "application/x-www-form-urlencoded"
AUTHENTICATION_METHODS = ["client_secret_basic", "client_secret_post"]


@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(sensitive_post_parameters("client_secret", "token"), name="dispatch")
class OAuthEndpoint(OAuthLibMixin, View):  # type: ignore[misc] # the toolkit has no types
    """What the three endpoints share: a small form in, checked; oauthlib's answer out."""

    http_method_names = ["post"]  # noqa: RUF012 - the way of Django
    validator_class = ClientCredentialsValidator
    oauthlib_backend_class = ClientCredentialsCore

    def post(self, request: HttpRequest) -> HttpResponse:
        """Refuse what is malformed, let oauthlib answer the rest."""
        refusal = _head_refusal(request) or _form_refusal(request)
        if refusal is not None:
            return refusal
        try:
            headers, body, status = self.answer(request)
        except TooMany as too_many:
            return _too_many(too_many.verdict)
        except (OperationalError, InterfaceError) as error:
            logger.error("Storage failed at %s: %s", request.path, error)  # noqa: TRY400 - the sentence says it all
            return _refusal("temporarily_unavailable", "The storage does not answer; try again.", status=503)
        # An error that oauthlib met while it was storing a token comes without its type.
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **headers}
        response = HttpResponse(content=body or "", status=status, headers=headers)
        if status == 401:  # noqa: PLR2004 - the status itself is the clearest name
            # oauthlib asks for a bearer token here, but a client authenticates with its secret.
            response["WWW-Authenticate"] = f'Basic realm="{REALM}", charset="UTF-8"'
        return response

    @classmethod
    def get_server(cls) -> BackendApplicationServer:
        """The server of oauthlib, with lifetimes that may differ from token to token."""
        lifetimes = {**oauth2_settings.server_kwargs, "token_expires_in": seconds_of_token}
        return BackendApplicationServer(cls.validator_class(), **lifetimes)

    def answer(self, request: HttpRequest) -> OAuthResponse:
        """Headers, body and status for a well-formed request."""
        raise NotImplementedError


class TokenEndpoint(OAuthEndpoint):
    """`POST /oauth/token/`: a client gets an access token for the scopes it may have."""

    def answer(self, request: HttpRequest) -> OAuthResponse:
        """Issue a token."""
        _, headers, body, status = self.create_token_response(request)
        return headers, body, status


class RevocationEndpoint(OAuthEndpoint):
    """`POST /oauth/revoke_token/`: a client ends one of its own tokens."""

    def answer(self, request: HttpRequest) -> OAuthResponse:
        """Delete the token; 200 also for one that does not exist or is another client's."""
        _, headers, body, status = self.create_revocation_response(request)
        CREDENTIALS.clear()
        return headers, body, status


class IntrospectionEndpoint(OAuthEndpoint):
    """`POST /oauth/introspect/`: a client learns what one of its own tokens stands for."""

    def answer(self, request: HttpRequest) -> OAuthResponse:
        """Describe the token; `active: false` for every token that is not the client's own and live."""
        core: ClientCredentialsCore = self.get_oauthlib_core()
        return core.create_introspection_response(request)


@require_safe
@cache_control(public=True, max_age=METADATA_CACHE_SECONDS)
def authorization_server_metadata(request: HttpRequest) -> JsonResponse:
    """`GET /.well-known/oauth-authorization-server`; the toolkit's own names grants and pages that are not served."""
    issuer = oauth2_settings.oauth2_metadata_issuer(request)
    return JsonResponse(
        {
            "issuer": issuer,
            "token_endpoint": urljoin(issuer, reverse("oauth-token")),
            "revocation_endpoint": urljoin(issuer, reverse("oauth-revoke-token")),
            "introspection_endpoint": urljoin(issuer, reverse("oauth-introspect")),
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "scopes_supported": sorted(known_scopes()),
            "token_endpoint_auth_methods_supported": AUTHENTICATION_METHODS,
            "revocation_endpoint_auth_methods_supported": AUTHENTICATION_METHODS,
            "introspection_endpoint_auth_methods_supported": AUTHENTICATION_METHODS,
        }
    )


def _head_refusal(request: HttpRequest) -> JsonResponse | None:
    """The refusal of a request whose head is malformed; None if the body may be read."""
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    if not authorization.isascii() or len(authorization) > AUTHORIZATION_CHARS_LIMIT:
        return _refusal("invalid_request", "The Authorization header is malformed.")
    if request.META.get("QUERY_STRING"):
        return _refusal("invalid_request", "Parameters belong in the body, not in the address.")
    if request.content_type != FORM:
        return _refusal("invalid_request", f"The body must be {FORM}.")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > FORM_BYTES_LIMIT:
        return _refusal("invalid_request", f"The body is larger than {FORM_BYTES_LIMIT} bytes.", status=413)
    return None


def _form_refusal(request: HttpRequest) -> JsonResponse | None:
    """The refusal of a form that the toolkit should not see; None if it is well-formed."""
    try:
        parameters = dict(request.POST.lists())
    except (BadRequest, SuspiciousOperation):
        return _refusal("invalid_request", "The body is not a well-formed form in UTF-8.")
    if any(len(values) > 1 for values in parameters.values()):
        return _refusal("invalid_request", "A parameter is given more than once.")
    if "resource" in parameters:
        return _refusal("invalid_target", "The tokens of this server are for this server; leave out resource.")
    return None


def _too_many(verdict: Verdict) -> JsonResponse:
    """The refusal of a client that asks too often, or of an address that fails too often."""
    response = _refusal("temporarily_unavailable", "Too many requests; ask again later.", status=429)
    response["Retry-After"] = str(math.ceil(verdict.wait_seconds))
    for header, value in verdict.headers().items():
        response[header] = value
    return response


def _refusal(error: str, description: str, *, status: int = 400) -> JsonResponse:
    return JsonResponse(
        {"error": error, "error_description": description}, status=status, headers={"Cache-Control": "no-store"}
    )
