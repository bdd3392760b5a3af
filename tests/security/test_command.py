"""`manage.py client`."""

import json
import uuid

import pytest
from django.core.management import CommandError, call_command

from tests.security.actors import post_form


def run(capsys, *arguments: str) -> str:
    call_command("client", *arguments)
    return capsys.readouterr().out


def test_it_prints_a_new_client_with_its_secret_once(capsys):
    name = f"shop {uuid.uuid4().hex}"

    printed = json.loads(run(capsys, "create", name, "--scopes", "operations:write accounts:read", "--json"))

    assert list(printed) == ["name", "client_id", "client_secret", "scopes"]
    assert (printed["name"], printed["scopes"]) == (name, "accounts:read operations:write")
    credentials = {key: printed[key] for key in ("client_id", "client_secret")}
    assert post_form("/oauth/token/", {"grant_type": "client_credentials", **credentials}).status_code == 200
    assert printed["client_secret"] not in run(capsys, "list", "--json")
    assert printed["client_id"] in run(capsys, "list")


def test_it_prints_for_people_too(capsys):
    name = f"shop {uuid.uuid4().hex}"

    lines = run(capsys, "create", name, "--scopes", "accounts:read").splitlines()

    assert lines[0] == f"name: {name}"
    assert [line.split(": ")[0] for line in lines if line] == ["name", "client_id", "client_secret", "scopes"]


def test_it_lists_every_client_also_revoked_ones(capsys, shop, till):
    run(capsys, "revoke", shop.client_id)

    rows = {row["client_id"]: row for row in json.loads(run(capsys, "list", "--json"))}

    assert list(rows[till.client_id]) == ["name", "client_id", "scopes", "created_at", "revoked_at"]
    assert rows[till.client_id]["revoked_at"] is None
    assert rows[shop.client_id]["revoked_at"] is not None


def test_it_rotates_a_secret(capsys, shop):
    printed = json.loads(run(capsys, "rotate", shop.client_id, "--json"))

    assert list(printed) == ["client_id", "client_secret"]
    assert post_form("/oauth/token/", {"grant_type": "client_credentials", **printed}).status_code == 200
    assert shop.post("/oauth/token/", grant_type="client_credentials").status_code == 401


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create", "any name", "--scopes", "unheard:of"], "There is no scope unheard:of. The scopes are: "),
        (["create", "any name", "--scopes", ""], "This field cannot be blank."),
        (["create", "{name}", "--scopes", "accounts:read"], "The name {name} is taken."),
        (["rotate", "nobody"], "There is no client nobody."),
        (["revoke", "nobody"], "There is no client nobody."),
        (["create", "any name"], "Error: the following arguments are required: --scopes"),
        ([], "Error: the following arguments are required: ACT"),
    ],
)
def test_it_refuses_in_one_sentence(shop, arguments, sentence):
    with pytest.raises(CommandError) as refusal:
        call_command("client", *[argument.format(name=shop.name) for argument in arguments])

    assert str(refusal.value).startswith(sentence.format(name=shop.name))
    assert "\n" not in str(refusal.value)
