"""On which terms a client calls: from where, until when, into which books; and how its secret is replaced."""

import hashlib
from datetime import timedelta
from types import SimpleNamespace
from typing import ClassVar

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from security import tokens
from security.authentication import CREDENTIALS
from security.clients import ClientRefused, Terms, change_client, revoke_client, rotate_secret
from security.last_use import note_use
from security.limits import CLIENT_LIST_ITEMS_LIMIT, LAST_USED_SECONDS, SECRET_OVERLAP_DAYS_LIMIT
from security.models import Client
from security.networks import address_of
from tests.security.actors import post_form
from tests.security.test_authentication import Probe, call

GRANT = {"grant_type": "client_credentials"}
HOUR = timedelta(hours=1)


def set_terms(actor, **terms):
    scopes = ["accounts:read", "operations:read", "operations:write"]
    change_client(client_id=actor.client_id, name=actor.name, scopes=scopes, terms=Terms(**terms))


def stored(actor):
    return Client.objects.get(client_id=actor.client_id)


def with_secret(actor, secret, **form):
    return post_form("/oauth/token/", {**GRANT, "client_id": actor.client_id, "client_secret": secret, **form})


# --- networks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trusted", "remote", "forwarded", "address"),
    [
        ([], "192.0.2.7", "", "192.0.2.7"),
        ([], "192.0.2.7", "10.0.0.1", "192.0.2.7"),
        (["10.0.0.0/8"], "192.0.2.7", "198.51.100.1", "192.0.2.7"),
        (["10.0.0.0/8"], "10.0.0.1", "", "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        (["10.0.0.0/8", "::1/128"], "::1", "2001:db8::1", "2001:db8::1"),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        (["10.0.0.0/8"], "10.0.0.1", "unknown", "None"),
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.1, nonsense", "None"),
        (["10.0.0.0/8"], "", "198.51.100.1", "None"),
        (["10.0.0.0/8"], "10.0.0.1", ", ".join(["198.51.100.1"] + ["10.0.0.1"] * 100), "10.0.0.1"),
    ],
)
def test_it_finds_the_address_that_the_last_trusted_proxy_saw(settings, trusted, remote, forwarded, address):
    settings.TRUSTED_PROXIES = trusted

    assert str(address_of({"REMOTE_ADDR": remote, "HTTP_X_FORWARDED_FOR": forwarded})) == address


@pytest.mark.parametrize(
    ("networks", "status"),
    [
        ("", 200),
        ("127.0.0.0/8", 200),
        ("192.0.2.0/24 127.0.0.1/32", 200),
        ("192.0.2.0/24", 403),
        ("2001:db8::/32", 403),
        ("::ffff:127.0.0.0/104", 403),
    ],
)
def test_it_lets_a_client_call_and_get_tokens_from_its_networks_alone(shop, remembered, networks, status):
    token = shop.token()
    set_terms(shop, allowed_networks=networks)

    response, token_response = call(token), shop.post("/oauth/token/", **GRANT)

    assert (response.status_code, token_response.status_code) == (status, 200 if status == 200 else 401)
    if status == 403:
        assert response.data["detail"].code == "network_forbidden"
        assert token_response.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"allowed_networks": "192.0.2.1/24"}, "192.0.2.1/24 is not a network in CIDR notation"),
        ({"allowed_networks": "everywhere"}, "everywhere is not a network"),
        ({"allowed_networks": "192.0.2.0/24 " * (CLIENT_LIST_ITEMS_LIMIT + 1)}, "A list has at most 100 networks."),
        ({"allowed_books": "main ../other"}, "../other cannot be the name of a book."),
        ({"allowed_books": "main " * (CLIENT_LIST_ITEMS_LIMIT + 1)}, "A list has at most 100 books."),
    ],
)
def test_it_refuses_terms_that_cannot_be_read(shop, terms, sentence):
    with pytest.raises(ClientRefused, match=sentence):
        set_terms(shop, **terms)


def test_it_keeps_the_terms_where_a_change_names_none(shop):
    set_terms(shop, allowed_books="payroll", allowed_networks=" 192.0.2.0/24  198.51.100.0/24 ")
    change_client(client_id=shop.client_id, name=shop.name, scopes=["accounts:read"])

    assert (stored(shop).allowed_books, stored(shop).allowed_networks) == ("payroll", "192.0.2.0/24 198.51.100.0/24")


# --- end -----------------------------------------------------------------------------------------------------------


def test_it_ends_a_client_and_its_tokens_at_its_moment(shop, remembered):
    token = shop.token()
    set_terms(shop, expires_at=timezone.now() - timedelta(seconds=1))

    assert call(token).status_code == 401
    assert shop.post("/oauth/token/", **GRANT).json()["error"] == "invalid_client"


def test_it_gives_no_token_that_outlives_its_client(shop, remembered):
    set_terms(shop, expires_at=timezone.now() + timedelta(minutes=5))
    body = shop.post("/oauth/token/", **GRANT).json()
    claims = shop.post("/oauth/introspect/", token=body["access_token"]).json()

    assert 0 < body["expires_in"] <= 300
    assert claims["exp"] <= stored(shop).expires_at.timestamp()


def test_it_shortens_the_tokens_that_a_client_has_when_its_end_comes_nearer(shop, remembered):
    token, end = shop.token(), timezone.now() + timedelta(minutes=5)
    set_terms(shop, expires_at=end)

    assert CREDENTIALS.get(token_checksum=hashlib.sha256(token.encode()).hexdigest()).expires_at == end
    assert shop.post("/oauth/introspect/", token=token).json()["exp"] == int(end.timestamp())


# --- rotation ------------------------------------------------------------------------------------------------------


def test_it_takes_both_secrets_while_a_rotation_overlaps(shop, remembered):
    token = shop.token()
    secret = rotate_secret(client_id=shop.client_id, now=timezone.now(), overlap=HOUR)

    old, new = with_secret(shop, shop.secret).json(), with_secret(shop, secret).json()

    assert shop.post("/oauth/token/", **GRANT).status_code == 200
    assert old["expires_in"] <= 3600 - 1 < new["expires_in"] == 3600
    assert [call(each).status_code for each in (token, old["access_token"], new["access_token"])] == [200] * 3
    assert with_secret(shop, "wrong").status_code == 401


def test_it_ends_the_old_secret_and_its_tokens_with_the_overlap(shop, remembered, monkeypatch):
    token = shop.token()
    started = timezone.now()
    secret = rotate_secret(client_id=shop.client_id, now=started, overlap=timedelta(minutes=10))
    old = with_secret(shop, shop.secret).json()["access_token"]
    later = SimpleNamespace(now=lambda: started + timedelta(minutes=10))
    monkeypatch.setattr(tokens, "timezone", later)
    monkeypatch.setattr("security.authentication.timezone", later)

    assert with_secret(shop, shop.secret).status_code == 401
    assert [call(each).status_code for each in (token, old)] == [401, 401]
    assert with_secret(shop, secret).status_code == 200


def test_it_knows_one_old_secret_at_a_time(shop):
    second = rotate_secret(client_id=shop.client_id, now=timezone.now(), overlap=HOUR)
    third = rotate_secret(client_id=shop.client_id, now=timezone.now(), overlap=HOUR)

    assert [with_secret(shop, secret).status_code for secret in (shop.secret, second, third)] == [401, 200, 200]


def test_it_ends_an_overlap_at_once_when_the_secret_is_rotated_without_one(shop, remembered):
    rotate_secret(client_id=shop.client_id, now=timezone.now(), overlap=HOUR)
    token = with_secret(shop, shop.secret).json()["access_token"]
    rotate_secret(client_id=shop.client_id, now=timezone.now())

    assert with_secret(shop, shop.secret).status_code == call(token).status_code == 401
    assert (stored(shop).previous_secret, stored(shop).previous_secret_until) == ("", None)


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=SECRET_OVERLAP_DAYS_LIMIT, seconds=1)])
def test_it_refuses_an_overlap_that_is_none(shop, overlap):
    with pytest.raises(ClientRefused, match="An overlap lasts from no time to 31 days"):
        rotate_secret(client_id=shop.client_id, now=timezone.now(), overlap=overlap)


@pytest.mark.parametrize(
    "act",
    [
        lambda i: rotate_secret(client_id=i, now=timezone.now()),
        lambda i: revoke_client(client_id=i, now=timezone.now()),
    ],
)
def test_it_issues_no_token_to_who_was_shut_out_between_the_question_and_the_answer(shop, monkeypatch, act):
    real = tokens.ClientCredentialsValidator._save_bearer_token

    def slow(self, *arguments, **named):
        act(shop.client_id)
        return real(self, *arguments, **named)

    monkeypatch.setattr(tokens.ClientCredentialsValidator, "_save_bearer_token", slow)

    response = shop.post("/oauth/token/", **GRANT)

    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert not get_access_token_model().objects.filter(application__client_id=shop.client_id).exists()


# --- last use ------------------------------------------------------------------------------------------------------


def test_it_notes_the_last_use_at_most_once_a_minute(shop, remembered):
    started = timezone.now()
    note_use(client_pk=stored(shop).pk, last_used_at=None, now=started)
    told = []
    for seconds in (1, LAST_USED_SECONDS - 1, LAST_USED_SECONDS):
        with CaptureQueriesContext(connection) as written:
            now = started + timedelta(seconds=seconds)
            note_use(client_pk=stored(shop).pk, last_used_at=stored(shop).last_used_at, now=now)
        told.append((len(written) - 2, (stored(shop).last_used_at - started).seconds))  # two of them are ours

    assert told == [(0, 0), (0, 0), (1, LAST_USED_SECONDS)]


def test_two_processes_that_note_at_once_write_once(shop):
    now = timezone.now()
    note_use(client_pk=stored(shop).pk, last_used_at=None, now=now)
    note_use(client_pk=stored(shop).pk, last_used_at=None, now=now + timedelta(seconds=1))

    assert stored(shop).last_used_at == now


def test_it_does_not_wait_for_somebody_who_changes_the_client(shop, owner_connection):
    with owner_connection.transaction():
        owner_connection.execute("SELECT FROM security_client WHERE client_id = %s FOR UPDATE", [shop.client_id])
        note_use(client_pk=stored(shop).pk, last_used_at=None, now=timezone.now())

    assert stored(shop).last_used_at is None


def test_a_token_request_and_a_call_are_uses(shop, till, remembered):
    token = shop.token()
    noted = stored(shop).last_used_at
    Client.objects.filter(client_id=shop.client_id).update(last_used_at=None)
    call(token)

    assert noted is not None
    assert stored(shop).last_used_at is not None
    assert stored(till).last_used_at is None


# --- critical scopes -----------------------------------------------------------------------------------------------


class Critical(Probe):
    required_scopes: ClassVar = {"GET": "accounts:read", "POST": "accounts:write"}


def test_a_call_of_a_critical_scope_looks_at_the_table_each_time(shop, remembered, settings):
    settings.CRITICAL_SCOPES = {"accounts:write"}
    change_client(client_id=shop.client_id, name=shop.name, scopes=["accounts:read", "accounts:write"])
    token = shop.token()
    row = get_access_token_model().objects.filter(token_checksum=hashlib.sha256(token.encode()).hexdigest())
    before = [call(token, method=method, view=Critical).status_code for method in ("GET", "POST")]
    row.delete()  # as another process would

    after = [call(token, method=method, view=Critical).status_code for method in ("GET", "POST", "GET")]

    # The critical call found out, and from then on this process knows.
    assert (before, after) == ([200, 201], [200, 401, 401])
