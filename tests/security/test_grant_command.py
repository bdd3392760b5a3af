"""`manage.py grant`, and the pages of grants."""

import json
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client as Browser

from security.models import Client, Grant


def run(capsys, *arguments: str) -> str:
    call_command(*arguments)
    return capsys.readouterr().out


def grants_of(actor) -> list[tuple]:
    rows = Grant.objects.filter(client__client_id=actor.client_id).order_by("id")
    return [(str(g.action), g.account_prefix, g.unit, g.amount_max, g.day_max) for g in rows]


def test_it_adds_lists_and_removes(capsys, shop):
    limits = ["--unit", "EUR", "--largest", "10.50", "--per-day", "100"]
    (added,) = json.loads(
        run(
            capsys,
            "grant",
            "add",
            "--client",
            shop.client_id,
            "--action",
            "debit",
            "--prefix",
            "shop:",
            *limits,
            "--json",
        )
    )
    (listed,) = json.loads(run(capsys, "grant", "list", "--client", shop.client_id, "--json"))
    printed = run(capsys, "grant", "list", "--client", shop.client_id)
    run(capsys, "grant", "remove", str(added["grant"]))

    assert added == listed
    assert (listed["client"], listed["prefix"], listed["largest"], listed["per_day"]) == (
        shop.name,
        "shop:",
        "10.5",
        "100",
    )
    assert "action: debit" in printed
    assert grants_of(shop) == []
    assert Client.objects.get(client_id=shop.client_id).restricted_to_grants


def test_it_lifts_the_restriction_where_that_is_said(capsys, shop):
    run(capsys, "grant", "add", "--client", shop.client_id, "--action", "read")
    run(capsys, "client", "change", shop.client_id, "--restricted-to-grants", "no")

    assert not Client.objects.get(client_id=shop.client_id).restricted_to_grants


def test_it_adds_to_a_group(capsys):
    group = Group.objects.create(name=f"tellers {uuid.uuid4().hex}")

    (added,) = json.loads(run(capsys, "grant", "add", "--group", group.name, "--action", "credit", "--json"))

    assert (added["group"], added["client"]) == (group.name, None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--client", "nobody", "--action", "read"], "There is no client nobody, or it is revoked."),
        (["--group", "nobody", "--action", "read"], "There is no group nobody."),
        (["--client", "{client_id}", "--action", "debit", "--largest", "ten"], "ten is not an amount."),
        (["--client", "{client_id}", "--action", "debit", "--largest", "NaN"], "NaN is not an amount."),
        (["--client", "{client_id}", "--action", "debit", "--largest", "1"], "A limit needs a unit"),
        (["--action", "debit"], "Error: one of the arguments --client --group is required"),
    ],
)
def test_it_refuses_in_one_sentence(shop, arguments, sentence):
    with pytest.raises(CommandError) as refusal:
        call_command("grant", "add", *[argument.format(client_id=shop.client_id) for argument in arguments])

    assert str(refusal.value).startswith(sentence)


# --- pages ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def browser() -> Browser:
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser(f"admin-{uuid.uuid4().hex}"))
    return browser


def form_of(actor, **values):
    pk = Client.objects.get(client_id=actor.client_id).pk
    return {"client": pk, "action": "debit", "account_prefix": "shop:", "unit": "EUR", "amount_max": "10", **values}


def test_a_grant_is_added_shown_with_its_client_and_removed(browser, shop):
    added = browser.post("/admin/security/grant/add/", form_of(shop, action="read", amount_max=""))
    (row,) = Grant.objects.filter(client__client_id=shop.client_id)
    page = browser.get(f"/admin/security/client/{row.client_id}/change/").content.decode()
    listed = browser.get("/admin/security/grant/").content.decode()
    removed = browser.post(f"/admin/security/grant/{row.pk}/delete/", {"post": "yes"})

    assert added.status_code == removed.status_code == 302
    assert "shop:" in page
    assert "shop:" in listed
    assert grants_of(shop) == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"unit": ""}, "A limit needs a unit, and the action credit, debit or reverse."),
        ({"action": "read"}, "A limit needs a unit, and the action credit, debit or reverse."),
        ({"amount_max": "0"}, "A limit is more than zero."),
        ({"client": ""}, "Choose a client or a group of staff, not both."),
        ({"account_prefix": "a b"}, "There are no blanks and no control characters in it."),
    ],
)
def test_a_form_tells_what_is_wrong(browser, shop, values, sentence):
    response = browser.post("/admin/security/grant/add/", form_of(shop, **values))

    assert (response.status_code, grants_of(shop)) == (200, [])
    assert sentence in response.content.decode()


def test_a_grant_that_is_there_already_is_told(browser, shop):
    reading = form_of(shop, action="read", amount_max="")
    browser.post("/admin/security/grant/add/", reading)

    response = browser.post("/admin/security/grant/add/", reading, follow=True)

    assert response.status_code == 200
    assert "already" in response.content.decode()
    assert len(grants_of(shop)) == 1
