"""`manage.py client`."""

import json
import uuid
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from security.models import Client
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

    told = ["name", "client_id", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at"]
    assert list(rows[till.client_id]) == told
    assert rows[till.client_id]["revoked_at"] is None
    assert rows[shop.client_id]["revoked_at"] is not None


def test_it_rotates_a_secret(capsys, shop):
    printed = json.loads(run(capsys, "rotate", shop.client_id, "--json"))

    assert list(printed) == ["client_id", "client_secret"]
    assert post_form("/oauth/token/", {"grant_type": "client_credentials", **printed}).status_code == 200
    assert shop.post("/oauth/token/", grant_type="client_credentials").status_code == 401


def test_it_lets_the_old_secret_go_on_for_a_while(capsys, shop):
    printed = json.loads(run(capsys, "rotate", shop.client_id, "--overlap-hours", "2", "--json"))

    assert post_form("/oauth/token/", {"grant_type": "client_credentials", **printed}).status_code == 200
    assert shop.post("/oauth/token/", grant_type="client_credentials").status_code == 200


def test_it_changes_what_is_named_and_nothing_else(capsys, shop):
    run(capsys, "change", shop.client_id, "--books", "main payroll", "--networks", "192.0.2.0/24", "--json")
    run(capsys, "change", shop.client_id, "--expires-at", "2040-01-01T00:00:00Z", "--highest-priority", "bulk")
    run(capsys, "change", shop.client_id, "--networks", "")

    stored = Client.objects.get(client_id=shop.client_id)
    assert (stored.name, stored.allowed_scopes) == (shop.name, "accounts:read operations:read operations:write")
    assert (stored.allowed_books, stored.allowed_networks, stored.highest_priority) == ("main payroll", "", "bulk")
    assert stored.expires_at == datetime(2040, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["change", "nobody"], "There is no client nobody."),
        (["change", "{client_id}", "--networks", "192.0.2.1/24"], "192.0.2.1/24 is not a network in CIDR notation"),
        (["change", "{client_id}", "--books", "a/b"], "a/b cannot be the name of a book."),
        (["change", "{client_id}", "--expires-at", "tomorrow"], "A moment is written like 2030-01-01T00:00:00Z."),
        (["change", "{client_id}", "--expires-at", "2030-13-01T00:00:00Z"], "A moment is written like"),
        (["rotate", "{client_id}", "--overlap-hours", "745"], "An overlap lasts from no time to 31 days."),
        (["rotate", "{client_id}", "--overlap-hours", "-1"], "An overlap lasts from no time to 31 days."),
        (["rotate", "{client_id}", "--overlap-hours", "nan"], "This is not a number of hours."),
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
        call_command("client", *[argument.format(name=shop.name, client_id=shop.client_id) for argument in arguments])

    assert str(refusal.value).startswith(sentence.format(name=shop.name))
    assert "\n" not in str(refusal.value)
