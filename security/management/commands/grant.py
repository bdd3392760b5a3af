"""`manage.py grant`: give clients and groups of staff rights on accounts, list them, take them away."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from security.clients import ClientRefused
from security.grants import NewGrant, add_grant, remove_grant
from security.models import Grant
from security.rights import Action


class Command(BaseCommand):
    """Parses, makes one call of security.grants, prints."""

    help = "Add, list and remove the grants of clients and of groups of staff."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command for each act."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        add = acts.add_parser("add", help="give a right; a client's first grant restricts it to grants")
        owner = add.add_mutually_exclusive_group(required=True)
        owner.add_argument("--client", metavar="CLIENT_ID")
        owner.add_argument("--group", metavar="NAME", help="a group of staff")
        add.add_argument("--action", required=True, choices=[str(action) for action in Action])
        add.add_argument("--prefix", default="", help="how the codes of the accounts begin; default: all accounts")
        add.add_argument("--unit", default="", help="the unit of the accounts; default: every unit")
        add.add_argument("--largest", help="the largest single amount, in units")
        add.add_argument("--per-day", help="the largest sum of a day (UTC), in units")
        listed = acts.add_parser("list", help="list grants")
        listed.add_argument("--client", metavar="CLIENT_ID")
        remove = acts.add_parser("remove", help="take a right away; its owner stays restricted to what is left")
        remove.add_argument("grant_id", metavar="GRANT_ID", type=int)
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
            self.stdout.write("".join(f"{label}: {value}\n" for label, value in row.items() if value))

    def _add(self, *, client: str | None, group: str | None, action: str, **options: Any) -> list[dict[str, Any]]:
        grant = NewGrant(
            action=Action(action),
            account_prefix=options["prefix"],
            unit=options["unit"],
            amount_max=_amount(options["largest"]),
            day_max=_amount(options["per_day"]),
        )
        group_id = None if group is None else Group.objects.filter(name=group).values_list("id", flat=True).first()
        if group is not None and group_id is None:
            raise ClientRefused(f"There is no group {group}.")
        return [_row(add_grant(grant=grant, now=timezone.now(), client_id=client, group_id=group_id))]

    def _list(self, *, client: str | None, **_options: Any) -> list[dict[str, Any]]:
        grants = Grant.objects.select_related("client", "group").order_by("id")
        return [_row(grant) for grant in (grants.filter(client__client_id=client) if client else grants)]

    def _remove(self, *, grant_id: int, **_options: Any) -> list[dict[str, Any]]:
        remove_grant(grant_id=grant_id)
        return [{"removed": grant_id}]


def _amount(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ClientRefused(f"{text} is not an amount.") from error
    if not amount.is_finite():
        raise ClientRefused(f"{text} is not an amount.")
    return amount


def _row(grant: Grant) -> dict[str, Any]:
    limits = {"largest": grant.amount_max, "per_day": grant.day_max}
    return {
        "grant": grant.pk,
        "client": grant.client and grant.client.name,
        "group": grant.group and grant.group.name,
        "action": str(grant.action),
        "prefix": grant.account_prefix,
        "unit": grant.unit,
        **{name: None if limit is None else f"{limit.normalize():f}" for name, limit in limits.items()},
    }
