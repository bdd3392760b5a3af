"""The README's lines work as they stand."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts.opening import NewAccount, open_accounts
from accounts.queries import book_id_of
from ledger.sealing.notes import Signer
from security.clients import create_client

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


def block(containing: str) -> str:
    """The one shell block that contains a text."""
    (found,) = [text for text in BLOCKS if containing in text]
    return found


def test_its_first_calls_work_against_a_running_service(live_server_url: str, tmp_path: Path) -> None:
    scopes = ["accounts:read", "accounts:write", "operations:read", "operations:write"]
    client, secret = create_client(name=f"readme-{os.getpid()}", scopes=scopes, now=datetime.now(UTC))
    accounts = [NewAccount(code, "EUR", "", {}, None) for code in ("bank:settlement", "fees")]
    open_accounts(book_id=book_id_of("main"), source_id=client.source_id, accounts=accounts)
    (tmp_path / ".state").mkdir()
    facts = {"url": live_server_url, "client_id": client.client_id, "client_secret": secret}
    (tmp_path / ".state" / "demo.json").write_text(json.dumps(facts))

    script = block("order-1001")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    decoder, answers, rest = json.JSONDecoder(), [], run.stdout
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].lstrip()
    opened, operation, balance, history = answers
    assert opened["code"] == "shop:7"
    assert operation["outcome"] == "accepted"
    assert balance["balance"] == "24.50"
    assert history["results"][0]["operation"] == operation["id"]


def test_its_deployment_check_is_clean(tmp_path: Path, database_url: str, valkey_url: str) -> None:
    secrets = {
        "billing": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP!",
        "mac": f"first:{'0123456789abcdef' * 4}",
        "seal": Signer.generate("ledger.example.com").text,
    }
    for name, text in secrets.items():
        (tmp_path / name).write_text(text)
    script = block("check --deploy").replace("/run/secrets/", f"{tmp_path}/").replace("python ", f"{sys.executable} ")

    run = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": database_url, "REDIS_URL": valkey_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "page", sorted(path.relative_to(ROOT) for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]), ids=str
)
def test_its_links_and_named_files_exist(page: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = [(ROOT / page).parent / target for target in re.findall(r"\]\(([^)#:]+)\)", text)]
    named = [
        ROOT / name
        for name in re.findall(r"`((?:ledger|accounts|security|appendonly|tests|examples|benchmarks)/[\w./-]+)`", text)
    ]

    missing = [str(path) for path in linked + named if not path.exists()]

    assert not missing
