"""Bearer authentication and scopes, through a view of DRF."""

import hashlib
from datetime import timedelta
from types import SimpleNamespace
from typing import ClassVar

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from oauth2_provider.models import get_access_token_model
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView, exception_handler

from security import authentication
from security.authentication import BearerToken, Credential, CredentialCache
from security.clients import change_client
from security.limits import TOKEN_CACHE_SECONDS, TOKEN_CHARS_LIMIT
from security.models import Client
from security.permissions import HasScope


class Probe(APIView):
    """Reads with one scope, writes with another, and has a method for which nothing is declared."""

    authentication_classes: ClassVar = [BearerToken]
    permission_classes: ClassVar = [HasScope]
    required_scopes: ClassVar = {"GET": "accounts:read", "POST": "operations:write"}

    def get_exception_handler(self):
        return exception_handler

    def get(self, request):
        return Response({"source_id": request.auth.source_id, "user": request.user})

    def post(self, _request):
        return Response(status=201)

    def delete(self, _request):
        return Response(status=204)


class Undeclared(Probe):
    required_scopes: ClassVar = {}


class Open(Probe):
    permission_classes: ClassVar = []

    def get(self, request):
        return Response({"anonymous": request.auth is None})


def call(token=None, *, method="GET", view=Probe, header=None):
    extra = {}
    if token is not None or header is not None:
        extra["HTTP_AUTHORIZATION"] = f"Bearer {token}" if header is None else header
    return view.as_view()(getattr(APIRequestFactory(), method.lower())("/probe", **extra))


def row_of(token):
    return get_access_token_model().objects.filter(token_checksum=hashlib.sha256(token.encode()).hexdigest())


def test_it_tells_the_view_which_source_calls_and_no_user(shop):
    response = call(shop.token())

    assert (response.status_code, response.data) == (200, {"source_id": shop.source_id, "user": None})


def test_it_carries_what_the_layers_below_need(shop):
    token = shop.token(scope="accounts:read")

    credential = CredentialCache().get(token_checksum=hashlib.sha256(token.encode()).hexdigest())

    assert credential == Credential(
        client_id=shop.client_id,
        source_id=shop.source_id,
        scopes=frozenset({"accounts:read"}),
        token_id=row_of(token).get().id,
        expires_at=row_of(token).get().expires,
    )


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        (None, 'Bearer realm="billing"'),
        ("", 'Bearer realm="billing"'),
        (" ", 'Bearer realm="billing"'),
        ("Basic dTpw", 'Bearer realm="billing"'),
        ("Token abc", 'Bearer realm="billing"'),
        ("Bearer", 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer ", 'Bearer realm="billing", error="invalid_token"'),
        ("bearer unknown", 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer two words", 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer =", 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer caf\xe9", 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer \xff\xfe\x00", 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer a\x00b", 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer line\nline", 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer valid\n", 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer 'a' OR 1=1", 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer " + "a" * TOKEN_CHARS_LIMIT, 'Bearer realm="billing", error="invalid_token"'),
        ("Bearer " + "a" * 1_000_000, 'Bearer realm="billing", error="invalid_token"'),
    ],
)
def test_it_answers_401_to_whatever_is_no_token(header, challenge):
    response = call(header=header)

    assert (response.status_code, response["WWW-Authenticate"]) == (401, challenge)


def test_it_asks_nothing_of_the_database_for_a_malformed_token():
    with CaptureQueriesContext(
        connection,
    ) as queries:
        call("a" * (TOKEN_CHARS_LIMIT + 1))
        call("caf\xe9")

    assert len(queries) == 0


def test_it_takes_the_scheme_in_any_case(shop):
    assert call(header=f"bEARER  {shop.token()}").status_code == 200


def test_it_takes_no_token_from_the_address_or_the_body(shop):
    request = APIRequestFactory().post(f"/probe?access_token={shop.token()}", {"access_token": shop.token()})

    assert Probe.as_view()(request).status_code == 401


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [
        ("GET", 200, None),
        ("HEAD", 200, None),
        ("POST", 403, "insufficient_scope"),
        ("DELETE", 403, "scope_not_declared"),
        ("OPTIONS", 403, "scope_not_declared"),
        ("PUT", 405, "method_not_allowed"),
    ],
)
def test_it_opens_a_method_to_its_scope_alone(till, method, status, code):
    response = call(till.token(), method=method)

    assert (response.status_code, getattr(response.data.get("detail"), "code", None)) == (status, code)


def test_it_names_the_scope_that_is_missing(till):
    response = call(till.token(), method="POST")

    assert response.data["detail"] == "This call needs the scope operations:write."
    assert response["WWW-Authenticate"] == (
        'Bearer realm="billing", error="insufficient_scope", scope="operations:write"'
    )


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PUT"])
def test_it_asks_who_calls_before_anything_else(method):
    assert call(method=method).status_code == 401


def test_it_refuses_a_view_that_declares_nothing(shop):
    assert call(shop.token(), view=Undeclared).status_code == 403


def test_it_lets_anybody_into_a_view_without_permissions():
    response = call(view=Open)

    assert (response.status_code, response.data) == (200, {"anonymous": True})


def test_it_refuses_a_bad_token_even_where_none_is_needed():
    assert call("unknown", view=Open).status_code == 401


def test_it_reads_a_token_once(shop, remembered):
    token = shop.token()

    with CaptureQueriesContext(connection) as first:
        call(token)
    with CaptureQueriesContext(connection) as second:
        call(token)

    assert (len(first), len(second)) == (1, 0)


def test_it_refuses_what_another_process_revoked_once_the_cached_answer_is_too_old(shop, remembered):
    token = shop.token()
    call(token)
    row_of(token).delete()

    statuses = []
    for age in (TOKEN_CACHE_SECONDS - 0.01, TOKEN_CACHE_SECONDS):
        remembered.clock.now = 1_000.0 + age
        statuses.append(call(token).status_code)

    assert statuses == [200, 401]


def test_it_does_not_remember_that_a_token_was_unknown(shop, remembered):
    token = shop.token()
    row_of(token).update(token_checksum="0" * 64)
    before = call(token).status_code
    row = get_access_token_model().objects.filter(token_checksum="0" * 64)
    row.update(token_checksum=hashlib.sha256(token.encode()).hexdigest())

    assert (before, call(token).status_code) == (401, 200)


def test_it_refuses_an_expired_token_also_while_it_is_remembered(shop, remembered, monkeypatch):
    token = shop.token()
    expires_at = row_of(token).get().expires
    statuses = []
    for now in (expires_at - timedelta(microseconds=1), expires_at, expires_at + timedelta(days=1)):
        monkeypatch.setattr(authentication, "timezone", SimpleNamespace(now=lambda now=now: now))
        statuses.append(call(token).status_code)

    assert statuses == [200, 401, 401]


def test_it_refuses_a_token_of_a_client_that_is_marked_revoked_though_the_token_is_there(shop, remembered):
    token = shop.token()
    Client.objects.filter(client_id=shop.client_id).update(revoked_at=timezone.now())

    assert call(token).status_code == 401
    assert row_of(token).exists()


def test_it_refuses_a_token_for_another_resource_server(shop, remembered):
    token = shop.token()
    row_of(token).update(resource=["https://elsewhere.example"])

    assert call(token).status_code == 401


def test_it_withdraws_a_scope_from_tokens_that_have_it(shop, remembered):
    token = shop.token()
    before = call(token, method="POST").status_code
    change_client(client_id=shop.client_id, name=shop.name, scopes=["accounts:read"])

    assert (before, call(token, method="POST").status_code, call(token).status_code) == (201, 403, 200)


def test_it_gives_an_old_token_no_new_scope(till, remembered):
    token = till.token()
    change_client(client_id=till.client_id, name=till.name, scopes=["accounts:read", "operations:write"])

    assert call(token, method="POST").status_code == 403


def test_it_keeps_a_bounded_number_of_credentials_and_forgets_the_oldest(shop, till, remembered, monkeypatch):
    monkeypatch.setattr(authentication, "TOKEN_CACHE_ENTRIES_LIMIT", 2)
    oldest, middle, youngest = shop.token(), till.token(), shop.token()

    for token in (oldest, middle, youngest):
        call(token)
    with CaptureQueriesContext(connection) as kept:
        call(youngest)
        call(middle)
    with CaptureQueriesContext(connection) as forgotten:
        call(oldest)

    assert (len(kept), len(forgotten)) == (0, 1)


def test_it_never_keeps_a_token_itself(shop, remembered):
    token = shop.token()
    call(token)

    assert token not in repr(vars(remembered))
    assert hashlib.sha256(token.encode()).hexdigest() in repr(vars(remembered))
