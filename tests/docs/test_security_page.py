"""The commands on docs/security.md work as they stand, and what the page lists is what there is."""

import re
import shlex
import uuid
from pathlib import Path

import pytest
from django.core.management import call_command

from security import signatures
from security.models import Client, ClientKey, Grant
from security.rights import Action
from tests.security.actors import new_actor
from tests.security.test_signatures import PEM

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("python manage.py")
]


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_work(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    actor = new_actor(name="reader of the page", scopes="accounts:read operations:write")
    (tmp_path / "public.pem").write_text(PEM)
    if "GRANT_ID" in command:
        call_command("grant", "add", "--client", actor.client_id, "--action", "read")
    if "client_key revoke" in command:
        call_command("client_key", "register", actor.client_id, "2026-a", str(tmp_path / "public.pem"))
    if "end-old-secret" in command:
        call_command("client", "rotate", actor.client_id, "--overlap-hours", "24")
    grant = Grant.objects.filter(client__client_id=actor.client_id).values_list("id", flat=True).first()
    meant = {
        "CLIENT_ID": actor.client_id,
        "GRANT_ID": str(grant),
        "public.pem": str(tmp_path / "public.pem"),
        "shop": f"shop {uuid.uuid4().hex}",
    }

    call_command(*[meant.get(word, word) for word in shlex.split(command)[2:]])

    assert "Error" not in capsys.readouterr().err


def test_there_are_commands_for_everything_that_it_tells() -> None:
    told = {" ".join(shlex.split(command)[2:4]) for command in COMMANDS}

    assert told == {
        *(f"client {act}" for act in ("create", "list", "change", "rotate", "end-old-secret", "revoke")),
        *(f"grant {act}" for act in ("add", "list", "remove")),
        *(f"client_key {act}" for act in ("register", "revoke")),
    }


def test_its_tables_are_complete() -> None:
    assert {f"`{action}`" for action in Action} <= set(re.findall(r"`[a-z]+`", PAGE))
    assert all(f"`{code}`" in PAGE for code in signatures._SENTENCES)
    for field in ("allowed_books", "allowed_networks", "expires_at", "highest_priority", "signature_required"):
        assert Client._meta.get_field(field).help_text
    assert ClientKey._meta.get_field("key_id").help_text
