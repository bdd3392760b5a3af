"""`manage.py client`: create, change, list, rotate and revoke OAuth2 clients. A secret is printed once and never again."""

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from security.clients import (
    ClientRefused,
    Terms,
    change_client,
    client_of,
    create_client,
    end_overlap,
    revoke_client,
    rotate_secret,
)
from security.queries import clients


class Command(BaseCommand):
    """Parses, makes one call of security.clients, prints."""

    help = "Create, change, list, rotate and revoke the OAuth2 clients of the REST API."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command for each act."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        create = acts.add_parser("create", help="create a client and print its secret, once")
        create.add_argument("name", metavar="NAME")
        create.add_argument("--scopes", required=True, help='for example "accounts:read operations:write"')
        change = acts.add_parser("change", help="change what a client may do; what is not named stays")
        change.add_argument("client_id", metavar="CLIENT_ID")
        change.add_argument("--name")
        change.add_argument("--scopes", help='for example "accounts:read operations:write"')
        for act in (create, change):
            _add_terms(act)
        acts.add_parser("list", help="list all clients, also revoked ones")
        rotate = acts.add_parser("rotate", help="replace a client's secret and print the new one, once")
        rotate.add_argument("client_id", metavar="CLIENT_ID")
        rotate.add_argument(
            "--overlap-hours",
            type=float,
            default=0.0,
            metavar="HOURS",
            help="how long the old secret and its tokens go on; default: they end now",
        )
        end = acts.add_parser("end-old-secret", help="end the old secret of a rotation now, with all tokens")
        end.add_argument("client_id", metavar="CLIENT_ID")
        revoke = acts.add_parser("revoke", help="end a client for ever, with its tokens")
        revoke.add_argument("client_id", metavar="CLIENT_ID")
        for act in acts.choices.values():
            act.add_argument("--json", action="store_true", dest="as_json", help="print JSON")

    def handle(self, *_args: Any, act: str, as_json: bool, **options: Any) -> None:
        """Dispatch to the act; a refusal becomes one sentence on standard error and exit code 1."""
        try:
            rows = getattr(self, f"_{act.replace('-', '_')}")(**options)
        except ClientRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        if as_json:
            self.stdout.write(json.dumps(rows if act == "list" else rows[0], indent=2))
            return
        for row in rows:
            self.stdout.write("".join(f"{label}: {value}\n" for label, value in row.items() if value is not None))

    def _create(self, *, name: str, scopes: str, **options: Any) -> list[dict[str, str]]:
        client, secret = create_client(
            name=name,
            scopes=scopes.split(),
            now=timezone.now(),
            highest_priority=options["highest_priority"] or "normal",
            terms=Terms(**_terms(options)),
        )
        return [
            {
                "name": client.name,
                "client_id": client.client_id,
                "client_secret": secret,
                "scopes": client.allowed_scopes,
            }
        ]

    def _change(self, *, client_id: str, name: str | None, scopes: str | None, **options: Any) -> list[dict[str, Any]]:
        client = client_of(client_id=client_id)
        change_client(
            client_id=client_id,
            name=name or client.name,
            scopes=(scopes or client.allowed_scopes).split(),
            highest_priority=options["highest_priority"] or client.highest_priority,
            terms=replace(Terms.of(client), **_terms(options)),
        )
        return [row for row in self._list() if row["client_id"] == client_id]

    def _list(self, **_options: Any) -> list[dict[str, Any]]:
        moments = ("created_at", "expires_at", "last_used_at", "revoked_at")
        rows = [asdict(client) for client in clients()]
        return [{**row, **{name: row[name] and row[name].isoformat() for name in moments}} for row in rows]

    def _rotate(self, *, client_id: str, overlap_hours: float, **_options: Any) -> list[dict[str, str]]:
        try:
            overlap = timedelta(hours=overlap_hours)
        except (OverflowError, ValueError) as error:
            raise ClientRefused("This is not a number of hours.") from error
        return [
            {
                "client_id": client_id,
                "client_secret": rotate_secret(client_id=client_id, now=timezone.now(), overlap=overlap),
            }
        ]

    def _end_old_secret(self, *, client_id: str, **_options: Any) -> list[dict[str, str]]:
        end_overlap(client_id=client_id)
        return [{"client_id": client_id, "old_secret": "ended"}]

    def _revoke(self, *, client_id: str, **_options: Any) -> list[dict[str, str]]:
        now = timezone.now()
        revoke_client(client_id=client_id, now=now)
        return [{"client_id": client_id, "revoked_at": now.isoformat()}]


def _add_terms(act: CommandParser) -> None:
    """The options that create and change share; None where one is not given."""
    act.add_argument(
        "--highest-priority",
        choices=["critical", "normal", "bulk"],
        help="the highest class in which its messages may wait; a new client's is normal",
    )
    act.add_argument("--books", help='the only books it knows, for example "main payroll"; "" for all')
    act.add_argument("--networks", help='from where it may call, for example "192.0.2.0/24"; "" for everywhere')
    act.add_argument(
        "--restricted-to-grants",
        choices=["yes", "no"],
        help="whether it may do only what its grants allow; a first grant says yes by itself",
    )
    act.add_argument("--signature-required", choices=["yes", "no"], help="whether every call must be signed")
    act.add_argument("--rate-read", help='requests that read and their seconds, for example 600/60; "" as for all')
    act.add_argument("--rate-write", help='requests that change something, for example 600/60; "" as for all')
    act.add_argument("--expires-at", help='when it ends, for example 2030-01-01T00:00:00Z; "" for never')


def _terms(options: dict[str, Any]) -> dict[str, Any]:
    """The terms that were given, by the names of the fields."""
    given = {
        "allowed_books": options["books"],
        "allowed_networks": options["networks"],
        "expires_at": options["expires_at"],
        "restricted_to_grants": options["restricted_to_grants"],
        "signature_required": options["signature_required"],
        "rate_read": options["rate_read"],
        "rate_write": options["rate_write"],
    }
    terms = {name: value for name, value in given.items() if value is not None}
    for switch in {"restricted_to_grants", "signature_required"} & terms.keys():
        terms[switch] = terms[switch] == "yes"
    if "expires_at" in terms:
        terms["expires_at"] = _moment(terms["expires_at"]) if terms["expires_at"] else None
    return terms


def _moment(text: str) -> datetime:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ClientRefused("A moment is written like 2030-01-01T00:00:00Z.")
    return moment
