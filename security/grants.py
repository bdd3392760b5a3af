"""The acts on grants, and whose they are: add one, remove one, and read what somebody may do.

A client's first grant restricts it to grants, and it stays restricted when the last one goes: then it may do nothing. Only
`change_client` lifts that. In other processes an act takes effect within TOKEN_CACHE_SECONDS.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from metrics.repository import observed
from security.access import record
from security.access_models import AccessEvent
from security.authentication import CREDENTIALS
from security.clients import ClientRefused
from security.grant_models import LIMITED_ACTIONS, Grant
from security.limits import GRANTS_LIMIT
from security.models import Client, StaffSource
from security.request_context import CURRENT_REQUEST
from security.rights import Action, Rights, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGrant:
    """A grant to add; an empty prefix or unit means all, amounts are in units, None for no limit."""

    action: Action
    account_prefix: str = ""
    unit: str = ""
    amount_max: Decimal | None = None
    day_max: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedGrant:
    """A grant to add and whose it is: a client's or a group's."""

    grant: NewGrant
    client_id: str | None = None
    group_id: int | None = None


def add_grant(*, grant: NewGrant, now: datetime, client_id: str | None = None, group_id: int | None = None) -> Grant:
    """Give a client, or a group of staff, a right; return the grant. Raises as add_grants does."""
    return add_grants(grants=[OwnedGrant(grant=grant, client_id=client_id, group_id=group_id)], now=now)[0]


@observed(repository="grants", expected=(ClientRefused,))
def add_grants(*, grants: Sequence[OwnedGrant], now: datetime, approval_id: int | None = None) -> list[Grant]:
    """Give all of these rights or none; return the grants. What an approval gave already is returned as it is.

    Raises ClientRefused for an unknown or revoked client, an unknown group, a grant that exists already or cannot be meant, or
    too many; of several grants the sentence says which.
    """
    with transaction.atomic():
        # Whoever gives the same, or the same approval again, waits here; in one order, so that two never wait for each other.
        clients = {name: _locked(name) for name in sorted({one.client_id for one in grants if one.client_id})}
        for group_id in sorted({one.group_id for one in grants if one.group_id is not None}):
            if not Group.objects.select_for_update(no_key=True).filter(pk=group_id).exists():
                raise ClientRefused("There is no such group.")
        if approval_id is not None and (given := list(Grant.objects.filter(approval_id=approval_id).order_by("id"))):
            return given
        rows = []
        for number, one in enumerate(grants, 1):
            try:
                rows.append(_add(one, clients.get(one.client_id or ""), now, approval_id))
            except ClientRefused as refusal:
                raise ClientRefused(f"Row {number}: {refusal}" if len(grants) > 1 else str(refusal)) from refusal
    CREDENTIALS.clear()
    return rows


@observed(repository="grants", expected=(ClientRefused,))
def remove_grant(*, grant_id: int) -> None:
    """Take a right away; its owner stays restricted to what is left. Raises ClientRefused if there is no such grant."""
    with transaction.atomic():
        row = Grant.objects.select_for_update().filter(id=grant_id).first()
        if row is None:
            raise ClientRefused(f"There is no grant {grant_id}.")
        _record("taken away", row)
        row.delete()
    CREDENTIALS.clear()


@observed(repository="grants")
def rights_of_sources(*, source_ids: Collection[int]) -> Mapping[int, Rights | None]:
    """Return what the clients and the people behind sources may do now; None for who is not bound by grants.

    For what is done later than it was asked for: messages that waited, rows of a file. At most three queries for clients.
    """
    restricted = Client.objects.filter(source_id__in=list(source_ids), restricted_to_grants=True)
    owners: dict[int, int] = dict(restricted.values_list("pk", "source_id"))
    rules: dict[int, list[Rule]] = {source_id: [] for source_id in owners.values()}
    if rules:
        for grant in Grant.objects.filter(client_id__in=owners.keys()).order_by("id"):
            rules[owners[grant.client_id or 0]].append(_rule(grant))
    found: dict[int, Rights | None] = dict.fromkeys(source_ids)
    found |= {source_id: Rights(own) for source_id, own in rules.items()}
    for source_id, user_id in StaffSource.objects.filter(source_id__in=list(source_ids)).values_list(
        "source_id", "user_id"
    ):
        found[source_id] = rights_of_staff(user_id=user_id)
    return found


@observed(repository="grants")
def rights_of_staff(*, user_id: int) -> Rights | None:
    """Return what a person may do by the grants of their groups together; None if none of the groups has a grant.

    Grants bind what a permission of Django allows in general; they give no permission. Of two groups with the same grant, the
    newer one's limits hold.
    """
    rules = [_rule(grant) for grant in Grant.objects.filter(group__user__id=user_id).order_by("id").distinct()]
    return Rights(rules) if rules else None


def _add(owned: OwnedGrant, client: Client | None, now: datetime, approval_id: int | None) -> Grant:
    grant = owned.grant
    row = Grant(
        client=client,
        group_id=owned.group_id,
        action=grant.action,
        account_prefix=grant.account_prefix,
        unit=grant.unit,
        amount_max=grant.amount_max,
        day_max=grant.day_max,
        created_at=now,
        approval_id=approval_id,
    )
    _check(row)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise ClientRefused("There is such a grant already; remove it first.") from error
    if client is not None:
        client.restricted_to_grants = True
        client.save(update_fields=["restricted_to_grants", "updated"])
    _record("given", row)
    return row


def _record(act: str, grant: Grant) -> None:
    """Into the access record; outside a request it was the one who may use the command line, or an approval."""
    owner = f"client {grant.client.client_id}" if grant.client else f"group {grant.group}"
    by = f" by approval {grant.approval_id}" if act == "given" and grant.approval_id else ""
    who = "" if CURRENT_REQUEST.get() else "command line or worker"
    record(event=AccessEvent.GRANT, what=f"grant {grant} of {owner} {act}{by}", who=who)


def _rule(grant: Grant) -> Rule:
    return Rule(grant.pk, grant.action, grant.account_prefix, grant.unit, grant.amount_max, grant.day_max)


def _check(row: Grant) -> None:
    """Refuse in one sentence what the form or the table would refuse."""
    if (row.amount_max is not None or row.day_max is not None) and (row.action not in LIMITED_ACTIONS or not row.unit):
        raise ClientRefused("A limit needs a unit, and the action credit, debit or reverse.")
    if any(limit is not None and limit <= 0 for limit in (row.amount_max, row.day_max)):
        raise ClientRefused("A limit is more than zero.")
    owned = Grant.objects.filter(client=row.client) if row.client else Grant.objects.filter(group_id=row.group_id or 0)
    if owned.count() >= GRANTS_LIMIT:
        raise ClientRefused(f"There are at most {GRANTS_LIMIT} grants for one.")
    try:
        row.clean_fields(exclude=["client", "group"])
    except ValidationError as error:
        raise ClientRefused(error.messages[0]) from error


def _locked(client_id: str) -> Client:
    client: Client | None = Client.objects.select_for_update().filter(client_id=client_id).order_by("id").first()
    if client is None or client.revoked_at is not None:
        raise ClientRefused(f"There is no client {client_id}, or it is revoked.")
    return client
