"""`manage.py demo`: the demonstration that `make run` seeds once: units, accounts with history, an administrator, an API client.

Secrets are generated here and written to `demo.json` in the state folder (mode 0600), nowhere else.
"""

import json
import os
import random
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from accounts.models import Unit
from accounts.opening import NewAccount, open_accounts
from accounts.queries import book_id_of
from ledger import aggregates, overview, pipeline
from ledger.contracts import Sender
from ledger.messages import read_batch
from security.approval_models import ApprovalThreshold
from security.clients import create_client, rotate_secret
from security.models import Client

CLIENT_NAME = "demo"
ADMIN_NAME = "admin"
SCOPES = ("accounts:read", "accounts:write", "operations:read", "operations:write", "mass:read", "mass:write")
HISTORY_DAYS = 60
ALONE_MINOR = 100_000  # 1,000.00 EUR
WALLETS = [f"user:{number}:wallet" for number in range(1001, 1009)]
POINTS = [f"user:{number}:points" for number in range(1001, 1005)]


class Command(BaseCommand):
    """Seed the demonstration, or leave it as it is."""

    help = "Seed the demonstration: units, accounts with history, an administrator, an API client. Safe to repeat."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Do what is missing."""
        facts = Path(settings.STATE_DIR) / "demo.json"
        address = {
            "url": f"http://{settings.HOST}:{settings.PORT}",
            "admin_url": f"http://{settings.HOST}:{settings.PORT}/admin/",
            "docs_url": f"http://{settings.HOST}:{settings.PORT}/api/docs",
        }
        if facts.exists():
            _write(facts, {**json.loads(facts.read_text(encoding="utf-8")), **address})
            return
        now = datetime.now(UTC)
        client, client_secret = _client(now)
        _history(client, now)
        password = secrets.token_urlsafe(15)
        user, _ = get_user_model().objects.get_or_create(
            username=ADMIN_NAME, defaults={"is_staff": True, "is_superuser": True}
        )
        user.set_password(password)
        user.save()
        for kind in (
            "correction",
            "reversal",
            "floor",
            "massops.post",
        ):  # so that one person alone can try them; above it a second one approves
            ApprovalThreshold.objects.get_or_create(kind=kind, unit="EUR", defaults={"above_minor": ALONE_MINOR})
        aggregates.run()
        overview.refresh(now=now)
        own = {
            "admin_user": ADMIN_NAME,
            "admin_password": password,
            "client_id": client.client_id,
            "client_secret": client_secret,
            "accounts": WALLETS[:4],
        }
        _write(facts, {**address, **own})
        self.stdout.write(f"The demonstration is seeded; its log-ins are in {facts}.")


def _client(now: datetime) -> tuple[Client, str]:
    existing = Client.objects.filter(name=CLIENT_NAME).first()
    if existing is not None:  # its secret was lost with the state folder, so it gets a new one
        return existing, rotate_secret(client_id=existing.client_id, now=now)
    return create_client(name=CLIENT_NAME, scopes=SCOPES, now=now)


def _history(client: Client, now: datetime) -> None:
    """Open accounts and post two months of their life; keys are fixed, so posting again changes nothing."""
    book_id = book_id_of("main")
    Unit.objects.get_or_create(code="POINTS", defaults={"exponent": 0, "name": "Loyalty points"})
    plain = [
        ("bank:settlement", "EUR"),
        ("fees", "EUR"),
        ("points:issued", "POINTS"),
        *((code, "POINTS") for code in POINTS),
    ]
    new = [NewAccount(code, unit, "", {}, None) for code, unit in plain]
    new += [NewAccount(code, "EUR", f"Wallet of user {code.split(':')[1]}", {}, 0) for code in WALLETS]
    open_accounts(book_id=book_id, source_id=client.source_id, accounts=new)
    operations = _operations(now - timedelta(days=HISTORY_DAYS))
    messages, _ = read_batch(
        body=msgspec.json.encode({"operations": operations}),
        sender=Sender(source_id=client.source_id, credential="demonstration", received_at=now),
    )
    pipeline.accept(book_id=book_id, messages=messages)


def _operations(start: datetime) -> list[dict[str, Any]]:
    """A plain story: money comes in by bank, moves between wallets with a fee, goes out; points are earned."""
    chance = random.Random(1)  # noqa: S311 - the same demonstration everywhere, not a secret
    operations = []
    for day in range(HISTORY_DAYS):
        for step in range(10):
            moment = start + timedelta(days=day, minutes=chance.randrange(1440))
            payer, payee = chance.sample(WALLETS, 2)
            amount = chance.randrange(100, 20_000)
            legs = {
                0: [("bank:settlement", -amount * 3), (payee, amount * 3)],
                1: [(payer, -amount), ("bank:settlement", amount)],
                2: [("points:issued", -(amount // 100)), (chance.choice(POINTS), amount // 100)],
            }.get(step, [(payer, -amount), (payee, amount - amount // 50), ("fees", amount // 50)])
            operations.append(
                {
                    "key": f"demonstration-{day}-{step}",
                    "entries": [{"account": code, "amount": _text(code, minor)} for code, minor in legs if minor],
                    "effective_at": moment.isoformat(timespec="seconds"),
                    "description": {0: "Top-up", 1: "Payout", 2: "Points earned"}.get(step, "Payment"),
                }
            )
    return sorted(operations, key=lambda operation: str(operation["effective_at"]))


def _text(code: str, minor: int) -> str:
    if "points" in code:
        return str(minor)
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02}"


def _write(path: Path, facts: dict[str, Any]) -> None:
    """Write the file so that only its owner can ever read it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=2)
