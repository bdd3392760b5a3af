"""Clients in the administration: made with a secret that is shown once, given new secrets, ended; by administrators alone."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from security.clients import rotate_secret
from security.models import AccessRecord, Client, ClientKey, StaffSession
from tests.security.actors import Actor, post_form
from tests.security.staff import Person
from tests.security.test_signatures import PEM

ADD = "/admin/security/client/add/"


@pytest.fixture
def ada():
    """An administrator."""
    ada = Person("ada", "administrator")
    ada.browser.force_login(ada.user)
    return ada


def filled(**more):
    return {
        "name": f"shop {uuid.uuid4().hex}",
        "allowed_scopes": ["accounts:read"],
        "highest_priority": "normal",
        **more,
    }


def page_of(actor, act="change"):
    return f"/admin/security/client/{Client.objects.get(client_id=actor.client_id).pk}/{act}/"


def shown(response):
    """The actor that an answer shows with its secret."""
    assert response.status_code == 200
    client = response.context["client"]
    secret = response.context["secret"]
    assert response.content.decode().count(secret) == 1
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    return Actor(client_id=client.client_id, secret=secret, source_id=0, name=client.name)


def gets_token(actor):
    return actor.post("/oauth/token/", grant_type="client_credentials").status_code == 200


def records_of(actor):
    return list(AccessRecord.objects.filter(event="client", what__contains=actor.client_id).order_by("id"))


def test_a_client_is_made_on_its_terms_and_its_secret_works(ada):
    form = filled(
        allowed_books="main payroll",
        allowed_networks="127.0.0.0/8",
        expires_at_0="2040-01-01",
        expires_at_1="12:00:00",
        highest_priority="bulk",
        signature_required="on",
        key_id="2026-a",
        public_key=PEM,
    )

    made = shown(ada.browser.post(ADD, form))

    stored = Client.objects.get(client_id=made.client_id)
    assert (stored.name, stored.allowed_books, stored.allowed_networks) == (form["name"], "main payroll", "127.0.0.0/8")
    assert (stored.highest_priority, stored.signature_required, stored.expires_at.year) == ("bulk", True, 2040)
    assert ClientKey.objects.get(client=stored).key_id == "2026-a"
    assert gets_token(made)


def test_a_secret_is_in_no_other_place(ada, caplog):
    made = shown(ada.browser.post(ADD, filled()))
    again = shown(ada.browser.post(page_of(made, "rotate"), {"overlap_hours": "24"}))

    pages = [
        page_of(made),
        page_of(made, "history"),
        "/admin/security/client/",
        "/admin/",
        "/admin/security/accessrecord/",
    ]
    seen = [ada.browser.get(page).content.decode() for page in pages]
    seen += [str(ada.browser.session.items()), caplog.text, str(ada.browser.cookies)]
    seen += [repr(row) for row in LogEntry.objects.filter(user=ada.user).values()]
    seen += [repr(row) for row in StaffSession.objects.filter(user=ada.user).values()]
    seen += [repr(row) for row in AccessRecord.objects.filter(who=f"staff:{ada.name}").values()]
    seen += [repr(row) for row in Client.objects.filter(client_id=made.client_id).values()]
    for secret in (made.secret, again.secret):
        assert not [text for text in seen if secret in text]


def test_the_same_form_sent_again_shows_no_secret(ada):
    form = filled()
    made = shown(ada.browser.post(ADD, form))

    again = ada.browser.post(ADD, form)

    assert "already exists" in again.content.decode()
    assert made.secret not in again.content.decode()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "This field is required"),
        ({"allowed_scopes": []}, "This field is required"),
        ({"allowed_networks": "192.0.2.1/24"}, "is not a network in CIDR notation"),
        ({"allowed_books": "no/book"}, "cannot be the name of a book"),
        ({"rate_read": "many"}, "is not a rate"),
        ({"key_id": "a"}, "A key and its id go together."),
        ({"signature_required": "on"}, "Who must sign needs a key."),
        ({"key_id": "a", "public_key": "nothing"}, "This is not an Ed25519 public key"),
    ],
)
def test_a_form_that_cannot_be_meant_makes_no_client(ada, wrong, sentence):
    form = filled(**wrong)

    page = ada.browser.post(ADD, form)

    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert not Client.objects.filter(name=form["name"]).exists()


def test_somebody_who_was_faster_is_told_in_a_sentence(ada, monkeypatch, shop):
    """The form finds the name free; another person takes it before it is stored."""
    monkeypatch.setattr("security.client_admin.ClientForm.validate_unique", lambda _form: None)

    page = ada.browser.post(ADD, filled(name=shop.name), follow=True)

    assert [str(message) for message in page.context["messages"]] == [f"The name {shop.name} is taken."]


def test_a_rotation_shows_when_the_old_secret_ends_and_both_get_tokens(ada, shop):
    new = shown(answer := ada.browser.post(page_of(shop, "rotate"), {"overlap_hours": "24"}))

    assert "The old secret is good until 20" in answer.content.decode()
    assert gets_token(shop)
    assert gets_token(new)
    until = Client.objects.get(client_id=shop.client_id).previous_secret_until
    assert timedelta(hours=23) < until - timezone.now() <= timedelta(hours=24)


def test_a_rotation_without_overlap_ends_the_old_secret(ada, shop):
    new = shown(ada.browser.post(page_of(shop, "rotate"), {"overlap_hours": "0"}))

    assert gets_token(new)
    assert not gets_token(shop)


def test_a_rotation_asks_for_its_overlap(ada, shop):
    for overlap in ("", "-1", "100000", "x"):
        page = ada.browser.post(page_of(shop, "rotate"), {"overlap_hours": overlap})
        assert page.status_code == 200
        assert "secret" not in page.context

    assert gets_token(shop)


def test_an_overlap_ends_when_somebody_says_so(ada, shop):
    assert "end-old-secret" not in ada.browser.get(page_of(shop)).content.decode()
    new = shown(ada.browser.post(page_of(shop, "rotate"), {"overlap_hours": "168"}))
    token = shop.token()
    assert "end-old-secret" in ada.browser.get(page_of(shop)).content.decode()
    assert "All tokens end" in ada.browser.get(page_of(shop, "end-old-secret")).content.decode()

    ada.browser.post(page_of(shop, "end-old-secret"), follow=True)

    assert gets_token(new)
    assert not gets_token(shop)
    asked = post_form("/oauth/introspect/", {"token": token}, authorization=new.basic)
    assert asked.json() == {"active": False}
    told = ada.browser.post(page_of(shop, "end-old-secret"), follow=True)
    assert [str(message) for message in told.context["messages"]] == [f"The client {shop.client_id} has no old secret."]


def test_a_client_is_revoked_from_its_page(ada, shop):
    assert "for ever" in ada.browser.get(page_of(shop, "revoke")).content.decode()
    assert gets_token(shop)

    page = ada.browser.post(page_of(shop, "revoke"), follow=True)

    assert not gets_token(shop)
    assert "/rotate/" not in page.content.decode()
    for act in ("revoke", "rotate"):
        told = ada.browser.post(page_of(shop, act), {"overlap_hours": "0"}, follow=True)
        assert [str(message) for message in told.context["messages"]] == [f"The client {shop.client_id} is revoked."]


def test_the_last_use_is_shown(ada, shop):
    shop.token()

    page = ada.browser.get(page_of(shop))

    used = Client.objects.get(client_id=shop.client_id).last_used_at
    assert used is not None
    assert f"{used:%H:%M}" in page.content.decode()


def test_each_act_is_a_row_of_the_access_record(ada):
    made = shown(ada.browser.post(ADD, filled()))
    ada.browser.post(page_of(made, "rotate"), {"overlap_hours": "1"})
    ada.browser.post(page_of(made, "end-old-secret"))
    ada.browser.post(page_of(made, "revoke"))

    rows = records_of(made)

    acts = ["created", "got a new secret", "lost its old secret", "revoked"]
    assert [act for act, row in zip(acts, rows, strict=True) if act in row.what] == acts
    assert {row.who for row in rows} == {f"staff:{ada.name}"}


@pytest.mark.parametrize("group", ["auditor", "operator", "controller"])
def test_it_is_for_administrators_alone(group, shop):
    person = Person(group, group)
    person.browser.force_login(person.user)
    rotate_secret(client_id=shop.client_id, now=timezone.now(), overlap=timedelta(hours=1))
    form = filled()

    assert person.browser.get(ADD).status_code == 403
    assert person.browser.post(ADD, form).status_code == 403
    for act in ("rotate", "end-old-secret", "revoke"):
        assert person.browser.get(page_of(shop, act)).status_code == 403
        assert person.browser.post(page_of(shop, act), {"overlap_hours": "0"}).status_code == 403

    assert not Client.objects.filter(name=form["name"]).exists()
    assert gets_token(shop)


@pytest.mark.parametrize("act", ["rotate", "end-old-secret", "revoke"])
def test_a_client_that_is_not_there_is_not_found(ada, act):
    assert ada.browser.post(f"/admin/security/client/0/{act}/", {"overlap_hours": "0"}).status_code == 404
