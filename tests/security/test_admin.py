"""The admin of clients."""

import uuid
from datetime import UTC, datetime

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from security.models import Client
from tests.security.actors import Actor


@pytest.fixture
def browser() -> Browser:
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser(f"admin-{uuid.uuid4().hex}"))
    return browser


# What a browser sends of the grants and keys that a client's page shows.
GRANTS = {f"{table}-{number}_FORMS": "0" for table in ("grants", "keys") for number in ("TOTAL", "INITIAL")}


def change_page(actor: Actor) -> str:
    return f"/admin/security/client/{Client.objects.get(client_id=actor.client_id).pk}/change/"


def test_it_shows_a_client_and_never_its_secret(browser, shop):
    token = shop.token()
    stored = Client.objects.get(client_id=shop.client_id).client_secret

    pages = [browser.get(f"/admin/security/client/?q={shop.client_id}"), browser.get(change_page(shop))]

    for page in pages:
        text = page.content.decode()
        assert page.status_code == 200
        assert shop.client_id in text
        assert not [hidden for hidden in (shop.secret, stored, stored.split("$")[-1], token) if hidden in text]


def test_it_changes_the_name_and_the_scopes_and_nothing_else(browser, shop):
    name = f"renamed {uuid.uuid4().hex}"
    before = Client.objects.get(client_id=shop.client_id)

    response = browser.post(
        change_page(shop),
        {
            "name": name,
            "allowed_scopes": ["accounts:read"],
            "highest_priority": "bulk",
            "client_id": "x",
            "client_secret": "y",
            **GRANTS,
        },
    )

    after = Client.objects.get(client_id=shop.client_id)
    assert response.status_code == 302
    assert (after.name, after.allowed_scopes, after.highest_priority) == (name, "accounts:read", "bulk")
    assert (after.client_secret, after.source_id) == (before.client_secret, before.source_id)
    assert shop.post("/oauth/token/", grant_type="client_credentials").json()["scope"] == "accounts:read"


def test_it_changes_the_terms(browser, shop):
    form = {
        "name": shop.name,
        "allowed_scopes": ["accounts:read"],
        "highest_priority": "normal",
        "allowed_books": "main",
        "allowed_networks": "192.0.2.0/24",
        "expires_at_0": "2040-01-01",
        "expires_at_1": "12:00:00",
        **GRANTS,
    }

    response = browser.post(change_page(shop), form)
    refused = browser.post(change_page(shop), {**form, "allowed_networks": "192.0.2.1/24"})

    stored = Client.objects.get(client_id=shop.client_id)
    assert response.status_code == 302
    assert (stored.allowed_books, stored.allowed_networks) == ("main", "192.0.2.0/24")
    assert stored.expires_at == datetime(2040, 1, 1, 12, tzinfo=UTC)
    assert "192.0.2.1/24 is not a network in CIDR notation" in refused.content.decode()


@pytest.mark.parametrize(
    "form",
    [{"name": "", "allowed_scopes": ["accounts:read"]}, {"name": "n", "allowed_scopes": ["unheard:of"]}, {"name": "n"}],
)
def test_it_shows_a_refused_change_in_the_form(browser, shop, form):
    response = browser.post(change_page(shop), form | GRANTS)

    assert response.status_code == 200
    assert Client.objects.get(client_id=shop.client_id).name == shop.name


def test_it_shows_that_a_name_is_taken(browser, shop, till):
    response = browser.post(
        change_page(shop),
        {"name": till.name, "allowed_scopes": ["accounts:read"], "highest_priority": "normal", **GRANTS},
    )

    assert response.status_code == 200
    assert "already exists" in response.content.decode()


def test_it_revokes_clients_and_says_which_were_already(browser, shop, till):
    keys = [Client.objects.get(client_id=actor.client_id).pk for actor in (shop, till)]
    form = {"action": "revoke", "_selected_action": keys}
    browser.post("/admin/security/client/", {**form, "_selected_action": keys[:1]})

    page = browser.post("/admin/security/client/", form, follow=True)

    assert {str(message) for message in page.context["messages"]} >= {
        f"The client {shop.client_id} is revoked.",
        f"The client {till.client_id} is revoked.",
    }
    assert Client.objects.filter(pk__in=keys, revoked_at=None).count() == 0
    form = {"name": "n", "allowed_scopes": ["accounts:read"], **GRANTS}
    assert browser.post(change_page(shop), form).status_code == 403


def test_it_deletes_nothing(browser, shop):
    pk = Client.objects.get(client_id=shop.client_id).pk

    assert browser.get(f"/admin/security/client/{pk}/delete/").status_code == 403


def test_it_takes_away_the_toolkit_s_pages():
    shown = {model._meta.label for model in admin.site._registry}

    assert "security.Client" in shown
    assert not {label for label in shown if label.startswith("oauth2_provider.")}
