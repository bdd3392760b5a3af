"""The auditor's page works as it stands: key, verifier, receipt, growth, witness, whole export, against a running service."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from django.test import override_settings

from accounts.models import Book
from accounts.opening import NewAccount, open_accounts
from accounts.queries import book_id_of
from ledger.sealing import distribution, publication, sealer, signing
from security.clients import create_client
from tests.ledger.page import Page

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/auditing.md").read_text(encoding="utf-8"), re.DOTALL)


class Auditor:
    """A shell in an empty folder, with the address of the service, a token, and the id of an operation."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, **variables, "PATH": path}

    def script(self, containing: str) -> str:
        (found,) = [text for text in BLOCKS if containing in text]
        here = found.replace("manage.py", str(ROOT / "manage.py"))
        return here.replace("ledger.example.com/main/1", signing.origin("main", 1))

    def run(self, containing: str) -> str:
        """Run the one block that contains a text; every line must end well."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.script(containing)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def serving(self, containing: str) -> Iterator[str]:
        """Run a block whose last line goes on serving; yields its address."""
        script = self.script(containing).replace("--port 8090", "--port 0").replace("\npython", "\nexec python")
        setup, _, serve = script.rstrip().rpartition("\nexec ")
        subprocess.run(
            ["bash", "-euc", setup.replace("exec ", "")], cwd=self.folder, env=self.environment, timeout=120, check=True
        )
        with subprocess.Popen(
            ["bash", "-c", f"exec {serve}"],
            cwd=self.folder,
            env=self.environment | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert "listens on" in line
                yield "http://" + line.strip().rstrip(".").split(" ")[-1]
            finally:
                process.terminate()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with override_settings(SEAL_DIRECTORIES=[tmp_path / "checkpoints"]):
        yield Book(id=book_id_of("main"), name="main")


def seal(book: Book) -> None:
    page = Page(book.id, 0)
    safe = page.settle()
    sealer.seal(book=book, safe_id=safe)
    publication.publish(book=book)


def test_it_works_from_the_key_to_the_export(live_server_url: str, tmp_path: Path, book: Book) -> None:
    client, secret = create_client(
        name=f"auditing-{os.getpid()}",
        scopes=["accounts:read", "operations:read", "operations:write"],
        now=datetime.now(UTC),
    )
    accounts = [NewAccount(code, "EUR", "", {}, None) for code in ("audit:bank", "audit:shop")]
    open_accounts(book_id=book.id, source_id=client.source_id, accounts=accounts)
    grant = httpx.post(
        f"{live_server_url}/oauth/token/",
        data={"grant_type": "client_credentials"},
        auth=(client.client_id, secret),
        trust_env=False,
    )
    token = grant.json()["access_token"]
    paid = httpx.post(
        f"{live_server_url}/api/v1/operations",
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"audit-{os.getpid()}"},
        json={"entries": [{"account": "audit:bank", "amount": "-5.00"}, {"account": "audit:shop", "amount": "5.00"}]},
        trust_env=False,
    )
    folder = tmp_path / "auditor"
    folder.mkdir()
    auditor = Auditor(folder, URL=live_server_url, TOKEN=token, OPERATION=paid.json()["id"])
    seal(book)

    assert auditor.run("ledger-seal.json").strip() == signing.public_keys()[0]
    auditor.run("sha256sum verify_receipt.py")

    said = auditor.run("receipt order.json --key @ledger.key --leaf")
    assert "IT IS SO" in said
    assert '"account": "audit:shop"' in said
    digest = auditor.run("sed -n").split()[0]
    assert f"leaf hash {digest}" in said

    auditor.run("-o old.json")
    seal(book)
    assert "IT IS SO: everything in the old chain" in auditor.run("consistency old.json new.json")

    with auditor.serving("witness create") as url:
        witness = (folder / "witness.key").read_text().strip()
        with override_settings(SEAL_WITNESSES=[f"{witness} {url}"]):
            distribution.distribute(book=book)
    auditor.run("receipt order.json --key @ledger.key --leaf")
    assert "witnesses  witness.example.com at 20" in auditor.run("--witness @witness.key")

    assert "IT IS SO: this folder holds the whole chain" in auditor.run("seal --export chain")
