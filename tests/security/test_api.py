"""The OAuth2 endpoints: token, revocation, introspection, metadata."""

import base64
import logging

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client as Browser
from oauth2_provider.models import get_access_token_model, get_refresh_token_model

from security.limits import FORM_BYTES_LIMIT
from security.models import Client
from tests.security.actors import basic, post_form

GRANT = {"grant_type": "client_credentials"}
# What every endpoint accepts, so that a refusal can only be for the thing that a case adds.
VALID = "grant_type=client_credentials&token=t"
MULTIPART = (
    "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("grant_type", "client_credentials"), ("token", "t"))
    )
    + "--x--\r\n"
)
ENDPOINTS = ["/oauth/token/", "/oauth/revoke_token/", "/oauth/introspect/"]


@pytest.mark.parametrize(
    ("asked", "status", "answer"),
    [
        ({}, 200, "accounts:read operations:read operations:write"),
        ({"scope": ""}, 200, "accounts:read operations:read operations:write"),
        ({"scope": "accounts:read"}, 200, "accounts:read"),
        ({"scope": "operations:write accounts:read"}, 200, "accounts:read operations:write"),
        ({"scope": "accounts:write"}, 400, "invalid_scope"),
        ({"scope": "accounts:read accounts:write"}, 400, "invalid_scope"),
        ({"scope": "unheard:of"}, 400, "invalid_scope"),
        ({"scope": "introspection"}, 400, "invalid_scope"),
        ({"scope": "accounts:read\x00"}, 400, "invalid_scope"),
    ],
)
def test_it_grants_the_scopes_of_the_client_and_no_others(shop, asked, status, answer):
    response = shop.post("/oauth/token/", **GRANT, **asked)

    body = response.json()
    granted = " ".join(sorted(body["scope"].split())) if status == 200 else body["error"]
    assert (response.status_code, granted) == (status, answer)


def test_it_issues_a_bearer_token_without_a_refresh_token(shop, settings):
    response = shop.post("/oauth/token/", **GRANT)

    assert response["Cache-Control"] == "no-store"
    body = response.json()
    assert body.pop("access_token").isalnum()
    assert body.pop("scope")
    assert body == {"token_type": "Bearer", "expires_in": settings.OAUTH2_PROVIDER["ACCESS_TOKEN_EXPIRE_SECONDS"]}
    assert not get_refresh_token_model().objects.filter(application__client_id=shop.client_id).exists()


def test_it_takes_the_secret_in_the_body_too(shop):
    response = post_form("/oauth/token/", {**GRANT, "client_id": shop.client_id, "client_secret": shop.secret})

    assert response.status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "password", "username": "u", "password": "p"},
        {"grant_type": "authorization_code", "code": "c", "redirect_uri": "https://x.example"},
        {"grant_type": "refresh_token", "refresh_token": "r"},
        {"grant_type": "urn:ietf:params:oauth:grant-type:device_code"},
        {"grant_type": "implicit"},
    ],
)
def test_it_knows_no_other_grant(shop, form):
    response = shop.post("/oauth/token/", **form)

    assert (response.status_code, response.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("form", [{}, {"grant_type": ""}])
def test_it_wants_to_know_the_grant(shop, form):
    response = shop.post("/oauth/token/", **form)

    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "credentials",
    [
        lambda _: None,
        lambda _: "",
        lambda _: "Basic",
        lambda _: "Basic ",
        lambda _: "Basic %%%",
        lambda _: "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        lambda _: "Basic " + base64.b64encode(b"no colon").decode(),
        lambda _: basic("", ""),
        lambda shop: basic(shop.client_id, ""),
        lambda shop: basic(shop.client_id, "wrong"),
        lambda shop: basic(shop.client_id, shop.secret[:-1]),
        lambda shop: basic(shop.client_id, shop.secret.swapcase()),
        lambda shop: basic(shop.client_id + "x", shop.secret),
        lambda _: basic("a\x00b", "c"),
        lambda _: basic("a%00b", "c"),
        lambda _: basic("https://client.example/metadata.json", "c"),
        lambda shop: f"Bearer {shop.token()}",
    ],
)
def test_it_answers_401_to_whatever_is_no_client(shop, path, credentials):
    response = post_form(path, {**GRANT, "token": "t"}, authorization=credentials(shop))

    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert response["WWW-Authenticate"] == 'Basic realm="billing", charset="UTF-8"'


@pytest.mark.parametrize("client_id", ["a\x00b", "", "x" * 1_000])
def test_it_answers_401_to_a_client_in_the_body_that_cannot_be(client_id):
    response = post_form("/oauth/token/", {**GRANT, "client_id": client_id, "client_secret": "s"})

    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_it_does_not_take_the_stored_hash_for_the_secret(shop):
    stored = Client.objects.get(client_id=shop.client_id).client_secret
    response = post_form("/oauth/token/", GRANT, authorization=basic(shop.client_id, stored))

    assert response.status_code == 401


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    ("answer", "body", "extra"),
    [
        ((400, "invalid_request"), "{}", {"content_type": "application/json"}),
        ((400, "invalid_request"), MULTIPART, {"content_type": "multipart/form-data; boundary=x"}),
        ((400, "invalid_request"), VALID, {"content_type": "application/x-www-form-urlencoded; charset=utf-16"}),
        ((400, "invalid_request"), f"{VALID}&scope=accounts:read&scope=accounts:read", {}),
        ((400, "invalid_request"), VALID, {"QUERY_STRING": "a=b"}),
        ((400, "invalid_request"), VALID, {"QUERY_STRING": "%zz"}),
        ((400, "invalid_request"), VALID, {"HTTP_AUTHORIZATION": "Basic caf\xe9"}),
        ((400, "invalid_request"), VALID, {"HTTP_AUTHORIZATION": "Basic " + "a" * 5_000}),
        ((400, "invalid_request"), VALID + "".join(f"&p{number}=" for number in range(1_001)), {}),
        ((400, "invalid_target"), f"{VALID}&resource=https://elsewhere.example", {}),
        ((413, "invalid_request"), f"{VALID}&padding=" + "a" * FORM_BYTES_LIMIT, {}),
    ],
)
def test_it_refuses_what_is_malformed_in_the_words_of_oauth(shop, path, answer, body, extra):
    response = post_form(path, body, **{"HTTP_AUTHORIZATION": shop.basic, **extra})

    assert (response.status_code, response.json()["error"]) == answer
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_it_accepts_the_form_that_those_refusals_start_from(shop, path):
    assert post_form(path, VALID, authorization=shop.basic).status_code == 200


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("method", ["get", "put", "delete", "options"])
def test_it_is_asked_by_post_alone(path, method):
    assert getattr(Browser(), method)(path).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/oauth/authorize/",
        "/oauth/applications/",
        "/oauth/applications/register/",
        "/oauth/authorized_tokens/",
        "/oauth/device/",
        "/oauth/device-authorization/",
        "/oauth/register/",
        "/oauth/userinfo/",
        "/.well-known/openid-configuration",
    ],
)
def test_it_serves_no_other_page_of_the_toolkit(path):
    assert Browser().get(path).status_code == 404


def test_it_needs_no_csrf_cookie(shop):
    response = Browser(enforce_csrf_checks=True).post(
        "/oauth/token/",
        "grant_type=client_credentials",
        content_type="application/x-www-form-urlencoded",
        HTTP_AUTHORIZATION=shop.basic,
    )

    assert response.status_code == 200


def test_it_tells_a_client_what_its_token_stands_for(shop):
    token = shop.token(scope="accounts:read")
    row = get_access_token_model().objects.get(application__client_id=shop.client_id)

    response = shop.post("/oauth/introspect/", token=token)

    assert response.json() == {
        "active": True,
        "client_id": shop.client_id,
        "scope": "accounts:read",
        "token_type": "Bearer",
        "exp": int(row.expires.timestamp()),
        "iat": int(row.created.timestamp()),
    }
    assert response["Cache-Control"] == "no-store"


def test_it_tells_a_client_nothing_of_another_s_token(shop, till):
    response = till.post("/oauth/introspect/", token=shop.token())

    assert (response.status_code, response.json()) == (200, {"active": False})


@pytest.mark.parametrize("token", ["unknown", "a\x00b", "caf\xe9", "x" * 10_000])
def test_it_calls_a_token_that_does_not_exist_inactive(shop, token):
    response = shop.post("/oauth/introspect/", token=token)

    assert (response.status_code, response.json()) == (200, {"active": False})


def test_it_calls_an_expired_token_inactive(shop):
    token = shop.token()
    row = get_access_token_model().objects.get(application__client_id=shop.client_id)
    get_access_token_model().objects.filter(pk=row.pk).update(expires=row.created)

    assert shop.post("/oauth/introspect/", token=token).json() == {"active": False}


@pytest.mark.parametrize("path", ["/oauth/introspect/", "/oauth/revoke_token/"])
def test_it_wants_a_token_to_speak_of(shop, path):
    response = shop.post(path)

    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("hint", [{}, {"token_type_hint": "access_token"}])
def test_it_revokes_a_token_of_the_client(shop, hint):
    token, other = shop.token(), shop.token()

    response = shop.post("/oauth/revoke_token/", token=token, **hint)

    assert (response.status_code, response.content) == (200, b"")
    assert [shop.post("/oauth/introspect/", token=each).json()["active"] for each in (token, other)] == [False, True]


def test_it_does_not_revoke_another_client_s_token_and_does_not_say_so(shop, till):
    token = shop.token()

    response = till.post("/oauth/revoke_token/", token=token)

    assert response.status_code == 200
    assert shop.post("/oauth/introspect/", token=token).json()["active"] is True


def test_it_publishes_where_and_how_tokens_are_got():
    response = Browser().get("/.well-known/oauth-authorization-server", HTTP_HOST="localhost")

    methods = ["client_secret_basic", "client_secret_post"]
    assert response.json() == {
        "issuer": "http://localhost",
        "token_endpoint": "http://localhost/oauth/token/",
        "revocation_endpoint": "http://localhost/oauth/revoke_token/",
        "introspection_endpoint": "http://localhost/oauth/introspect/",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "scopes_supported": sorted(response.json()["scopes_supported"]),
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
    }
    assert {"accounts:read", "operations:write"} <= set(response.json()["scopes_supported"])
    assert Browser().post("/.well-known/oauth-authorization-server").status_code == 405


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_it_answers_503_while_the_storage_is_away(shop, monkeypatch, kind):
    def fail(*_args):
        raise kind("the connection is lost")

    monkeypatch.setattr("security.api.TokenEndpoint.answer", fail)

    response = shop.post("/oauth/token/", **GRANT)

    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")


def test_it_logs_neither_secrets_nor_tokens(shop, caplog):
    caplog.set_level(logging.DEBUG)
    token = shop.token()
    shop.post("/oauth/introspect/", token=token)
    shop.post("/oauth/revoke_token/", token=token)

    # oauthlib writes whole requests, but only at the level that no deployment uses (LOG_LEVEL is INFO).
    spoken = "\n".join(record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG)
    assert shop.secret not in spoken
    assert token not in spoken
