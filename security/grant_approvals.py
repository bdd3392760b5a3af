"""The two-person rule for grants: a right to move much is asked for by one person and given by another.

A grant for credit, debit or reverse is compared with the thresholds of the kind `grant` (security.approvals). What counts is the
larger of its limits; a grant without a sum per day lets any amount through in time, so it is above every threshold but "never",
and a grant for every unit must be within the thresholds of all of them. Grants that move nothing need nobody else. Before a
grant is given there is no row of it, so it allows nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from security.approvals import Approved, EffectRefused, Standing, register, request_approval
from security.clients import ClientRefused, client_of
from security.grant_models import LIMITED_ACTIONS
from security.grants import NewGrant, add_grant
from security.models import ApprovalThreshold
from security.rights import Action
from security.scales import exponent_of, in_minor

KIND = "grant"


def needs_approval(action: str) -> bool:
    """Whether grants for this action come under the two-person rule: those that move units."""
    return action in LIMITED_ACTIONS


def ask_grant(
    *, grant: NewGrant, requested_by: int, client_id: str | None = None, group_id: int | None = None
) -> Standing:
    """Ask for a grant in the name of a source; it is given at once where no threshold is exceeded. Raises ClientRefused."""
    owner = client_of(client_id=client_id).name if client_id else f"group {Group.objects.get(pk=group_id or 0)}"
    limits = {name: None if value is None else str(value) for name, value in _limits(grant).items()}
    return request_approval(
        kind=KIND,
        payload={**asdict(grant), **limits, "action": str(grant.action), "client_id": client_id, "group_id": group_id},
        summary=_in_words(grant, owner),
        requested_by=requested_by,
        amounts=_amounts(grant),
    )


def register_act() -> None:
    """Name the handler; called when the apps are ready."""
    register(kind=KIND, label="Grant", handler=_give)


def _give(approved: Approved) -> Mapping[str, Any]:
    told = dict(approved.payload)
    client_id, group_id = told.pop("client_id"), told.pop("group_id")
    limits = {name: None if told[name] is None else Decimal(told[name]) for name in ("amount_max", "day_max")}
    grant = NewGrant(**{**told, **limits, "action": Action(told["action"])})
    try:
        given = add_grant(
            grant=grant,
            now=timezone.now(),
            client_id=client_id,
            group_id=group_id,
            approval_id=approved.approval_id,
        )
    except ClientRefused as refusal:
        raise EffectRefused(str(refusal)) from refusal
    return {"grant": str(given.pk)}


def _amounts(grant: NewGrant) -> dict[str, int | None]:
    """What is compared with the thresholds, in minor units; None for any amount."""
    if not grant.unit:
        units = ApprovalThreshold.objects.filter(kind=KIND).values_list("unit", flat=True)
        return dict.fromkeys(["", *units])
    exponent = exponent_of(grant.unit)
    if exponent is None or grant.day_max is None:
        return {grant.unit: None}
    largest = max(grant.day_max, grant.amount_max or Decimal(0))
    return {grant.unit: in_minor(largest, exponent)}


def _limits(grant: NewGrant) -> dict[str, Decimal | None]:
    return {"amount_max": grant.amount_max, "day_max": grant.day_max}


def _in_words(grant: NewGrant, owner: str) -> str:
    where = f"accounts that begin with {grant.account_prefix}" if grant.account_prefix else "all accounts"
    single, daily = ("any" if limit is None else f"{limit.normalize():,f}" for limit in _limits(grant).values())
    bounds = f"largest amount {single}, sum per day {daily}"
    return f"Grant {owner}: {grant.action} on {where}, {grant.unit or 'every unit'}; {bounds}."
