"""The error cases of OAuth 2.0, one line for each sentence of the RFCs that a server of client credentials can break."""

import base64

import pytest
from django.test import Client as Browser

from tests.security.actors import basic, post_form
from tests.security.test_authentication import call

GRANT = "grant_type=client_credentials"
TOKEN, REVOKE, INTROSPECT = "/oauth/token/", "/oauth/revoke_token/", "/oauth/introspect/"

# What the RFC says, where; the request: path, form, and how the client authenticates; the answer: status, error.
CASES = [
    (
        "6749 3.2: parameters without a value are treated as omitted",
        TOKEN,
        "grant_type=",
        "basic",
        400,
        "invalid_request",
    ),
    (
        "6749 3.2: parameters are not included more than once",
        TOKEN,
        f"{GRANT}&{GRANT}",
        "basic",
        400,
        "invalid_request",
    ),
    ("6749 3.2: unrecognized parameters are ignored", TOKEN, f"{GRANT}&colour=blue", "basic", 200, None),
    ("6749 3.3: an unknown scope", TOKEN, f"{GRANT}&scope=nothing", "basic", 400, "invalid_scope"),
    ("6749 3.3: a scope that is malformed", TOKEN, f"{GRANT}&scope=a%22b", "basic", 400, "invalid_scope"),
    (
        "6749 3.3: a scope that exceeds what was granted",
        TOKEN,
        f"{GRANT}&scope=accounts:write",
        "basic",
        400,
        "invalid_scope",
    ),
    ("6749 4.4: the grant of a client without authentication", TOKEN, GRANT, "none", 401, "invalid_client"),
    ("6749 5.2: a required parameter is missing", TOKEN, "scope=accounts:read", "basic", 400, "invalid_request"),
    ("6749 5.2: an unknown client", TOKEN, GRANT, "unknown", 401, "invalid_client"),
    ("6749 5.2: a wrong secret", TOKEN, GRANT, "wrong", 401, "invalid_client"),
    ("6749 5.2: an unsupported authentication method", TOKEN, GRANT, "bearer", 401, "invalid_client"),
    ("6749 5.2: a grant that is not supported", TOKEN, "grant_type=password", "basic", 400, "unsupported_grant_type"),
    ("6749 5.2: a grant that does not exist", TOKEN, "grant_type=x", "basic", 400, "unsupported_grant_type"),
    (
        "6749 5.2: a code that is none",
        TOKEN,
        "grant_type=authorization_code&code=x",
        "basic",
        400,
        "unsupported_grant_type",
    ),
    (
        "6749 6: there are no refresh tokens",
        TOKEN,
        "grant_type=refresh_token&refresh_token=x",
        "basic",
        400,
        "unsupported_grant_type",
    ),
    (
        "8707 2: a resource that is not served",
        TOKEN,
        f"{GRANT}&resource=https://else.example",
        "basic",
        400,
        "invalid_target",
    ),
    ("7009 2.1: the token is required", REVOKE, "", "basic", 400, "invalid_request"),
    ("7009 2.1: the client must authenticate", REVOKE, "token=x", "none", 401, "invalid_client"),
    ("7009 2.2: an invalid token is no error", REVOKE, "token=x", "basic", 200, None),
    ("7009 2.1: an unknown hint is ignored", REVOKE, "token=x&token_type_hint=colour", "basic", 200, None),
    (
        "7009 2.2.1: a type that is not supported",
        REVOKE,
        "token=x&token_type_hint=refresh_token",
        "basic",
        400,
        "unsupported_token_type",
    ),
    ("7662 2.1: the token is required", INTROSPECT, "", "basic", 400, "invalid_request"),
    ("7662 2.1: who asks must be authorized", INTROSPECT, "token=x", "none", 401, "invalid_client"),
    ("7662 2.2: an unknown token is inactive, not an error", INTROSPECT, "token=x", "basic", 200, None),
    ("7662 2.1: an unknown hint is ignored", INTROSPECT, "token=x&token_type_hint=colour", "basic", 200, None),
]


def authorization(how, shop):
    return {
        "basic": shop.basic,
        "none": None,
        "unknown": basic("nobody", shop.secret),
        "wrong": basic(shop.client_id, "wrong"),
        "bearer": "Bearer abc",
    }[how]


@pytest.mark.parametrize(("rule", "path", "form", "how", "status", "error"), CASES, ids=[case[0] for case in CASES])
def test_the_endpoints_keep_the_rule(shop, rule, path, form, how, status, error):
    response = post_form(path, form, authorization=authorization(how, shop))

    body = response.json() if response.content else {}
    assert (response.status_code, body.get("error")) == (status, error)
    if error is not None:
        # 6749, 5.2: JSON with printable texts, not to be stored; 401 names the scheme that the client should use.
        assert response["Content-Type"] == "application/json"
        assert response["Cache-Control"] == "no-store"
        assert all(" " <= character <= "~" for character in body["error"] + body.get("error_description", ""))
        assert ("WWW-Authenticate" in response) == (status == 401)


# RFC 6750, sections 2 and 3: how a token is sent, and what the challenge says.
CHALLENGES = [
    ("3.1: without authentication no error is named", None, 401, 'Bearer realm="billing"'),
    ("3.1: an unknown token", "Bearer unknown", 401, 'Bearer realm="billing", error="invalid_token"'),
    ("3.1: a malformed token", "Bearer a b", 401, 'Bearer realm="billing", error="invalid_token"'),
    ("2.1: another scheme", "Basic YTpi", 401, 'Bearer realm="billing"'),
    (
        "3.1: a token that lacks the scope",
        "narrow",
        403,
        'Bearer realm="billing", error="insufficient_scope", scope="operations:write"',
    ),
]


@pytest.mark.parametrize(("rule", "header", "status", "challenge"), CHALLENGES, ids=[case[0] for case in CHALLENGES])
def test_a_protected_call_keeps_the_rule(till, rule, header, status, challenge):
    sent = f"Bearer {till.token()}" if header == "narrow" else header

    response = call(header=sent, method="POST") if sent else call(method="POST")

    assert (response.status_code, response["WWW-Authenticate"]) == (status, challenge)


@pytest.mark.parametrize("path", [TOKEN, REVOKE, INTROSPECT])
def test_6749_3_2_the_client_must_use_post(path, shop):
    assert Browser().get(path, HTTP_AUTHORIZATION=shop.basic).status_code == 405


def test_6749_2_3_1_id_and_secret_are_form_encoded_before_basic(shop):
    encoded = base64.b64encode(f"{shop.client_id}:%{ord(shop.secret[0]):02X}{shop.secret[1:]}".encode()).decode()

    assert post_form(TOKEN, GRANT, authorization=f"Basic {encoded}").status_code == 200


def test_6749_5_1_a_token_is_not_to_be_stored(shop):
    response = shop.post(TOKEN, grant_type="client_credentials")

    assert response["Cache-Control"] == "no-store"
    assert set(response.json()) == {"access_token", "token_type", "expires_in", "scope"}


def test_7662_4_and_7009_2_1_a_client_learns_and_ends_nothing_of_another(shop, till):
    token = shop.token()

    told, ended = till.post(INTROSPECT, token=token), till.post(REVOKE, token=token)

    assert (told.json(), ended.status_code) == ({"active": False}, 200)
    assert shop.post(INTROSPECT, token=token).json()["active"]
