"""The acts on clients, and what the database refuses whatever the code does."""

import threading
import uuid
from dataclasses import replace

import psycopg
import pytest
from django.db import IntegrityError, connection
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from security.clients import ClientRefused, change_client, create_client, revoke_client, rotate_secret
from security.limits import CLIENT_NAME_CHARS_LIMIT
from security.models import Client, Source
from security.tasks import clear_expired_tokens
from tests.security.actors import post_form

GRANT = {"grant_type": "client_credentials"}


def fresh(name: str) -> str:
    return f"{name} {uuid.uuid4().hex}"


def test_it_creates_a_client_with_a_source_of_its_own():
    now, name = timezone.now(), fresh("shop")

    client, secret = create_client(name=name, scopes=["operations:write", "accounts:read"], now=now)

    stored = Client.objects.select_related("source").get(client_id=client.client_id)
    assert (stored.name, stored.allowed_scopes, stored.revoked_at) == (name, "accounts:read operations:write", None)
    assert (stored.source.kind, stored.source.name, stored.source.created_at) == ("client", name, now)
    assert (stored.client_type, stored.authorization_grant_type) == ("confidential", "client-credentials")
    assert len(secret) == 128


@pytest.mark.parametrize(
    ("name", "scopes", "sentence"),
    [
        ("{fresh}", ["unheard:of"], "There is no scope unheard:of. The scopes are: "),
        ("{fresh}", [], "This field cannot be blank."),
        ("", ["accounts:read"], "This field cannot be blank."),
        (" ", ["accounts:read"], "A name has printable characters, without blanks at its ends."),
        (" {fresh}", ["accounts:read"], "A name has printable characters, without blanks at its ends."),
        ("{fresh}\n", ["accounts:read"], "A name has printable characters, without blanks at its ends."),
        ("a\x00{fresh}", ["accounts:read"], "A name has printable characters, without blanks at its ends."),
        ("x" * (CLIENT_NAME_CHARS_LIMIT + 1), ["accounts:read"], "Ensure this value has at most 100 characters"),
    ],
)
def test_it_refuses_a_client_in_one_sentence_and_leaves_nothing_behind(name, scopes, sentence):
    sources = Source.objects.count()

    with pytest.raises(ClientRefused) as refusal:
        create_client(name=name.format(fresh=fresh("shop")), scopes=scopes, now=timezone.now())

    assert str(refusal.value).startswith(sentence)
    assert Source.objects.count() == sources


def test_it_refuses_a_name_that_is_taken_also_by_a_revoked_client(shop):
    revoke_client(client_id=shop.client_id, now=timezone.now())

    with pytest.raises(ClientRefused, match=f"The name {shop.name} is taken."):
        create_client(name=shop.name, scopes=["accounts:read"], now=timezone.now())


def test_it_lets_one_of_two_simultaneous_clients_have_the_name():
    name, outcomes = fresh("shop"), []

    def create() -> None:
        try:
            outcomes.append(create_client(name=name, scopes=["accounts:read"], now=timezone.now())[0].name)
        except ClientRefused as refusal:
            outcomes.append(str(refusal))
        finally:
            connection.close()

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == sorted([name] + [f"The name {name} is taken."] * 3)


def test_it_stores_no_secret_and_no_token_in_clear(shop, owner_connection):
    token, new_secret = shop.token(), rotate_secret(client_id=shop.client_id, now=timezone.now())
    token_after = replace(shop, secret=new_secret).token()
    tables = owner_connection.execute(
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()

    found = [
        (table, kind)
        for (table,) in tables
        for kind, needle in {
            "client id": shop.client_id,
            "secret": shop.secret,
            "new secret": new_secret,
            "token": token,
            "new token": token_after,
        }.items()
        if owner_connection.execute(
            f"SELECT EXISTS (SELECT FROM {table} AS row WHERE position(%s IN row::text) > 0)", [needle]
        ).fetchone()[0]
    ]

    # The identifier is not a secret: finding it shows that the search finds things.
    assert sorted(found) == [("public.security_access_record", "client id"), ("public.security_client", "client id")]


def test_it_replaces_a_secret_and_ends_what_was_got_with_the_old_one(shop):
    token = shop.token()

    secret = rotate_secret(client_id=shop.client_id, now=timezone.now())

    assert secret != shop.secret
    assert shop.post("/oauth/token/", **GRANT).status_code == 401
    form = {**GRANT, "client_id": shop.client_id, "client_secret": secret}
    assert post_form("/oauth/token/", form).status_code == 200
    form = {"token": token, "client_id": shop.client_id, "client_secret": secret}
    assert post_form("/oauth/introspect/", form).json() == {"active": False}


def test_it_ends_a_client_for_ever_and_keeps_its_source(shop):
    shop.token()

    revoke_client(client_id=shop.client_id, now=timezone.now())

    response = shop.post("/oauth/token/", **GRANT)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert not get_access_token_model().objects.filter(application__client_id=shop.client_id).exists()
    assert Source.objects.filter(id=shop.source_id, name=shop.name).exists()


@pytest.mark.parametrize(
    "act",
    [
        lambda client_id: rotate_secret(client_id=client_id, now=timezone.now()),
        lambda client_id: revoke_client(client_id=client_id, now=timezone.now()),
        lambda client_id: change_client(client_id=client_id, name="any", scopes=["accounts:read"]),
    ],
)
def test_it_acts_on_no_client_that_is_unknown_or_revoked(shop, act):
    revoke_client(client_id=shop.client_id, now=timezone.now())

    with pytest.raises(ClientRefused, match=f"The client {shop.client_id} is revoked."):
        act(shop.client_id)
    with pytest.raises(ClientRefused, match=r"There is no client nobody\."):
        act("nobody")


def test_it_renames_a_client_but_not_its_source(shop, till):
    name = fresh("new name")

    change_client(client_id=shop.client_id, name=name, scopes=["accounts:read"])

    stored = Client.objects.select_related("source").get(client_id=shop.client_id)
    assert (stored.name, stored.source.name, stored.allowed_scopes) == (name, shop.name, "accounts:read")
    with pytest.raises(ClientRefused, match="is taken"):
        change_client(client_id=shop.client_id, name=till.name, scopes=["accounts:read"])


def test_it_clears_expired_tokens_and_no_others(shop):
    assert clear_expired_tokens.name == "security.tasks.clear_expired_tokens"  # billing_project.beat names it
    shop.token()
    shop.token()
    tokens = get_access_token_model().objects.filter(application__client_id=shop.client_id).order_by("id")
    expired, live = tokens
    get_access_token_model().objects.filter(pk=expired.pk).update(expires=expired.created)

    clear_expired_tokens(unknown="argument")

    assert list(tokens.values_list("id", flat=True)) == [live.pk]


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("client_secret", "x" * 128, "client_secret_hashed"),
        ("client_secret", "", "client_secret_hashed"),
        ("hash_client_secret", False, "client_secret_hashed"),
        ("previous_secret", "x" * 128, "previous_secret_hashed"),
        ("previous_secret_until", "2030-01-01T00:00:00Z", "previous_secret_hashed"),
        ("client_type", "public", "client_credentials_only"),
        ("authorization_grant_type", "password", "client_credentials_only"),
    ],
)
def test_the_database_refuses_any_other_kind_of_client(shop, column, value, constraint):
    with pytest.raises(IntegrityError, match=constraint), connection.cursor() as cursor:
        cursor.execute(f"UPDATE security_client SET {column} = %s WHERE client_id = %s", [value, shop.client_id])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE security_source SET name = 'x' WHERE false",
        "DELETE FROM security_source",
        "TRUNCATE security_source CASCADE",
    ],
)
def test_the_database_refuses_to_change_a_source_even_for_its_owner(owner_connection, statement):
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        owner_connection.execute(statement)


def test_the_database_refuses_a_source_of_an_unknown_kind():
    with pytest.raises(IntegrityError, match="source_kind_known"):
        Source.objects.create(kind="alien", name=fresh("alien"), created_at=timezone.now())


def test_it_hashes_a_secret_fast_and_with_its_own_salt(settings):
    secrets = [create_client(name=fresh("shop"), scopes=["accounts:read"], now=timezone.now()) for _ in range(2)]

    stored = [Client.objects.get(client_id=client.client_id).client_secret for client, _ in secrets]

    assert [value.split("$")[:2] for value in stored] == [["client_secret", "1"]] * 2
    assert stored[0].split("$")[2] != stored[1].split("$")[2]
    assert settings.PASSWORD_HASHERS[0] != "security.hashers.ClientSecretHasher"
