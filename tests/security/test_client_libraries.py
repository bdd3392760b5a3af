"""Two unrelated OAuth2 client libraries get a token over real HTTP and post with it; two web processes and a revocation."""

import time
import uuid

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

from accounts.models import Book
from accounts.opening import NewAccount, open_accounts
from security.limits import TOKEN_CACHE_SECONDS
from tests.security.actors import new_actor

SCOPES = "accounts:read operations:read operations:write"
# What a slow machine may take between our clock and the server's.
SLACK_SECONDS = 5


@pytest.fixture
def teller():
    return new_actor(name="teller", scopes=SCOPES)


@pytest.fixture
def book(teller) -> str:
    book = Book.objects.create(name=f"libraries-{uuid.uuid4().hex[:12]}")
    open_accounts(book_id=book.id, source_id=teller.source_id, accounts=[NewAccount("cash", "EUR", "", {}, None)])
    return book.name


def post(session, url: str, book: str):
    return session.post(
        f"{url}/api/v1/books/{book}/operations",
        json={"entries": [{"account": "cash", "amount": "1.00"}]},
        headers={"Idempotency-Key": uuid.uuid4().hex},
    )


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_gets_a_token_and_posts(live_server_url, teller, book, method):
    session = AuthlibSession(teller.client_id, teller.secret, scope=SCOPES, token_endpoint_auth_method=method)
    session.trust_env = False

    token = session.fetch_token(f"{live_server_url}/oauth/token/", grant_type="client_credentials")
    answer = post(session, live_server_url, book)
    told = session.introspect_token(f"{live_server_url}/oauth/introspect/", token["access_token"])
    ended = session.revoke_token(f"{live_server_url}/oauth/revoke_token/", token["access_token"])

    assert (answer.status_code, answer.json()["outcome"]) == (201, "accepted")
    assert (told.json()["active"], ended.status_code) == (True, 200)


def test_requests_oauthlib_gets_a_token_and_posts(live_server_url, teller, book, monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the test server speaks plain HTTP
    session = OAuth2Session(client=BackendApplicationClient(client_id=teller.client_id, scope=SCOPES.split()))
    session.trust_env = False

    session.fetch_token(f"{live_server_url}/oauth/token/", client_id=teller.client_id, client_secret=teller.secret)
    answer = post(session, live_server_url, book)

    assert (answer.status_code, answer.json()["outcome"]) == (201, "accepted")


def test_no_process_believes_a_revoked_token_beyond_the_bound(live_server_url, teller, book):
    """Two processes of the web server answer; the token is revoked through one of them, and new connections reach both."""
    headers = {"Authorization": f"Bearer {teller.token()}"}
    address = f"{live_server_url}/api/v1/books/{book}/accounts/cash/balance"

    def statuses(times: int) -> set[int]:
        return {httpx.get(address, headers=headers, trust_env=False, timeout=30).status_code for _ in range(times)}

    assert statuses(30) == {200}
    form = {"token": headers["Authorization"].removeprefix("Bearer ")}
    revoked = httpx.post(
        f"{live_server_url}/oauth/revoke_token/",
        data=form,
        auth=(teller.client_id, teller.secret),
        trust_env=False,
        timeout=30,
    )
    revoked_at = time.monotonic()
    believed_until = revoked_at
    while time.monotonic() < revoked_at + TOKEN_CACHE_SECONDS + SLACK_SECONDS:
        asked_at = time.monotonic()
        if statuses(1) == {200}:
            believed_until = asked_at

    assert revoked.status_code == 200
    assert believed_until - revoked_at <= TOKEN_CACHE_SECONDS
    assert statuses(30) == {401}


def test_a_critical_call_believes_nothing_in_any_process(live_server_url, book):
    keeper = new_actor(name="keeper", scopes="accounts:read accounts:write")
    headers = {"Authorization": f"Bearer {keeper.token()}"}
    address = f"{live_server_url}/api/v1/books/{book}/accounts/cash"

    def statuses() -> set[int]:
        calls = [httpx.patch(address, headers=headers, json={}, trust_env=False, timeout=30) for _ in range(20)]
        return {call.status_code for call in calls}

    before = statuses()
    keeper.post("/oauth/revoke_token/", token=headers["Authorization"].removeprefix("Bearer "))

    assert (before, statuses()) == ({200}, {401})
