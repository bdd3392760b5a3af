"""`manage.py client_key`, and the pages of keys."""

import json
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client as Browser

from security.models import Client, ClientKey
from tests.security.signing import Signer
from tests.security.test_signatures import PEM


def run(capsys, *arguments: str) -> str:
    call_command("client_key", *arguments)
    return capsys.readouterr().out


def test_it_registers_lists_and_revokes(capsys, shop, tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(PEM)

    moment = "2040-01-01T00:00:00+00:00"
    run(capsys, "register", shop.client_id, "first", str(file), "--expires-at", moment)
    run(capsys, "revoke", shop.client_id, "first")
    (key,) = json.loads(run(capsys, "list", shop.client_id, "--json"))

    assert (key["key_id"], key["public_key"], key["expires_at"]) == ("first", PEM.splitlines()[1][16:], moment)
    assert key["revoked_at"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["register", "nobody", "first", "{file}"], "There is no client nobody."),
        (["register", "{client_id}", "first", "/nowhere"], "/nowhere or the moment cannot be read."),
        (["register", "{client_id}", "first", "{file}", "--expires-at", "soon"], "A moment is written like"),
        (["register", "{client_id}", "a b", "{file}"], "A key id has letters"),
        (["revoke", "{client_id}", "first"], "The client {client_id} has no live key first."),
    ],
)
def test_it_refuses_in_one_sentence(shop, tmp_path, arguments, sentence):
    file = tmp_path / "key.pem"
    file.write_text(PEM)
    with pytest.raises(CommandError) as refusal:
        call_command("client_key", *[a.format(client_id=shop.client_id, file=file) for a in arguments])

    assert str(refusal.value).startswith(sentence.format(client_id=shop.client_id))


@pytest.fixture
def browser() -> Browser:
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser(f"admin-{uuid.uuid4().hex}"))
    return browser


def test_a_key_is_registered_shown_with_its_client_and_revoked(browser, shop):
    pk = Client.objects.get(client_id=shop.client_id).pk
    form = {"client": pk, "key_id": "first", "public_key": PEM}
    added = browser.post("/admin/security/clientkey/add/", form)
    key = ClientKey.objects.get(client_id=pk)
    client_page = browser.get(f"/admin/security/client/{pk}/change/").content.decode()
    wrong = browser.post("/admin/security/clientkey/add/", {**form, "key_id": "second", "public_key": "AAAA"})
    twice = browser.post("/admin/security/clientkey/add/", {**form, "public_key": Signer().public_key})
    page = browser.post("/admin/security/clientkey/", {"action": "revoke", "_selected_action": [key.pk]}, follow=True)

    assert added.status_code == 302
    assert key.public_key in client_page
    assert "This is not an Ed25519 public key" in wrong.content.decode()
    assert "already exists" in twice.content.decode()
    assert "The key first is revoked." in {str(message) for message in page.context["messages"]}
    assert browser.get(f"/admin/security/clientkey/{key.pk}/delete/").status_code == 403
