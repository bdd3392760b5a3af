"""`manage.py client_key`: register, list and revoke the public keys with which clients sign their requests."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from security.clients import ClientRefused
from security.keys import register_key, revoke_key
from security.models import ClientKey


class Command(BaseCommand):
    """Parses, makes one call of security.keys, prints."""

    help = "Register, list and revoke the public keys with which clients sign their requests."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command for each act."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        register = acts.add_parser("register", help="register a public key beside those that the client has")
        register.add_argument("client_id", metavar="CLIENT_ID")
        register.add_argument("key_id", metavar="KEY_ID", help="what the client writes as keyid; never used before")
        register.add_argument("file", metavar="FILE", type=Path, help="the Ed25519 public key: PEM, or base64")
        register.add_argument("--expires-at", help="when it ends, for example 2030-01-01T00:00:00Z; default: never")
        listed = acts.add_parser("list", help="list a client's keys, also revoked ones")
        listed.add_argument("client_id", metavar="CLIENT_ID")
        revoke = acts.add_parser("revoke", help="end a key; what it signed stays provable")
        revoke.add_argument("client_id", metavar="CLIENT_ID")
        revoke.add_argument("key_id", metavar="KEY_ID")
        for act in acts.choices.values():
            act.add_argument("--json", action="store_true", dest="as_json", help="print JSON")

    def handle(self, *_args: Any, act: str, as_json: bool, **options: Any) -> None:
        """Dispatch to the act; a refusal becomes one sentence on standard error and exit code 1."""
        try:
            rows = getattr(self, f"_{act}")(**options)
        except ClientRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        if as_json:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        for row in rows:
            self.stdout.write("".join(f"{label}: {value}\n" for label, value in row.items() if value is not None))

    def _register(
        self, *, client_id: str, key_id: str, file: Path, expires_at: str | None, **_options: Any
    ) -> list[dict[str, Any]]:
        try:
            text = file.read_text(encoding="utf-8")
            ends = parse_datetime(expires_at) if expires_at else None
        except (OSError, ValueError) as error:
            raise ClientRefused(f"{file} or the moment cannot be read.") from error
        if expires_at and (ends is None or ends.tzinfo is None):
            raise ClientRefused("A moment is written like 2030-01-01T00:00:00Z.")
        key = register_key(client_id=client_id, key_id=key_id, public_key=text, now=timezone.now(), expires_at=ends)
        return [_row(key)]

    def _list(self, *, client_id: str, **_options: Any) -> list[dict[str, Any]]:
        keys = ClientKey.objects.filter(client__client_id=client_id).order_by("id")
        return [_row(key) for key in keys]

    def _revoke(self, *, client_id: str, key_id: str, **_options: Any) -> list[dict[str, Any]]:
        revoke_key(client_id=client_id, key_id=key_id, now=timezone.now())
        return [{"key_id": key_id, "revoked": True}]


def _row(key: ClientKey) -> dict[str, Any]:
    moments = {"created_at": key.created_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at}
    return {
        "key_id": key.key_id,
        "public_key": key.public_key,
        **{name: moment and moment.isoformat() for name, moment in moments.items()},
    }
