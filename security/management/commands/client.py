"""`manage.py client`: create, list, rotate and revoke OAuth2 clients. A secret is printed once and never again."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from security.clients import ClientRefused, create_client, revoke_client, rotate_secret
from security.queries import clients


class Command(BaseCommand):
    """Parses, makes one call of security.clients, prints."""

    help = "Create, list, rotate and revoke the OAuth2 clients of the REST API."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command for each act."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        create = acts.add_parser("create", help="create a client and print its secret, once")
        create.add_argument("name", metavar="NAME")
        create.add_argument("--scopes", required=True, help='for example "accounts:read operations:write"')
        create.add_argument(
            "--highest-priority",
            choices=["critical", "normal", "bulk"],
            default="normal",
            help="the highest class in which its messages may wait",
        )
        acts.add_parser("list", help="list all clients, also revoked ones")
        rotate = acts.add_parser("rotate", help="replace a client's secret and print the new one, once")
        rotate.add_argument("client_id", metavar="CLIENT_ID")
        revoke = acts.add_parser("revoke", help="end a client for ever, with its tokens")
        revoke.add_argument("client_id", metavar="CLIENT_ID")
        for act in acts.choices.values():
            act.add_argument("--json", action="store_true", dest="as_json", help="print JSON")

    def handle(self, *_args: Any, act: str, as_json: bool, **options: Any) -> None:
        """Dispatch to the act; a refusal becomes one sentence on standard error and exit code 1."""
        try:
            rows = getattr(self, f"_{act}")(**options)
        except ClientRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        if as_json:
            self.stdout.write(json.dumps(rows if act == "list" else rows[0], indent=2))
            return
        for row in rows:
            self.stdout.write("".join(f"{label}: {value}\n" for label, value in row.items() if value is not None))

    def _create(self, *, name: str, scopes: str, highest_priority: str, **_options: Any) -> list[dict[str, str]]:
        client, secret = create_client(
            name=name, scopes=scopes.split(), now=timezone.now(), highest_priority=highest_priority
        )
        return [
            {
                "name": client.name,
                "client_id": client.client_id,
                "client_secret": secret,
                "scopes": client.allowed_scopes,
            }
        ]

    def _list(self, **_options: Any) -> list[dict[str, str | None]]:
        return [
            {
                "name": client.name,
                "client_id": client.client_id,
                "scopes": client.scopes,
                "created_at": client.created_at.isoformat(),
                "revoked_at": client.revoked_at.isoformat() if client.revoked_at else None,
            }
            for client in clients()
        ]

    def _rotate(self, *, client_id: str, **_options: Any) -> list[dict[str, str]]:
        return [{"client_id": client_id, "client_secret": rotate_secret(client_id=client_id)}]

    def _revoke(self, *, client_id: str, **_options: Any) -> list[dict[str, str]]:
        now = timezone.now()
        revoke_client(client_id=client_id, now=now)
        return [{"client_id": client_id, "revoked_at": now.isoformat()}]
