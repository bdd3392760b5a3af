"""The two-person rule for grants: a right to move much is asked for by one person and given by another.

A grant for credit, debit or reverse is compared with the thresholds of the kind `grant` (security.approvals). What counts is the
larger of its limits; a grant without a sum per day lets any amount through in time, so it is above every threshold but "never",
and a grant for every unit must be within the thresholds of all of them. Grants that move nothing need nobody else. The grants of
a file are one act. Before a grant is given there is no row of it, so it allows nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from security.approvals import Approved, EffectRefused, Standing, register, request_approval
from security.clients import ClientRefused, client_of
from security.grant_models import LIMITED_ACTIONS
from security.grants import NewGrant, OwnedGrant, add_grants
from security.limits import GRANTS_TOLD_LIMIT
from security.models import ApprovalThreshold
from security.rights import Action
from security.scales import exponent_of, in_minor

KIND = "grant"


def needs_approval(action: str) -> bool:
    """Whether grants for this action come under the two-person rule: those that move units."""
    return action in LIMITED_ACTIONS


def ask_grants(*, grants: Sequence[OwnedGrant], requested_by: int) -> Standing:
    """Ask for grants in the name of a source, all or none; they are given at once where none exceeds a threshold.

    Several are one act: where one of them needs a second person all of them wait. Raises ClientRefused.
    """
    amounts: dict[str, int | None] = {}
    for one in grants:
        if needs_approval(one.grant.action):
            for unit, minor in _amounts(one.grant).items():
                known = amounts.get(unit, 0)
                amounts[unit] = None if known is None or minor is None else max(known, minor)
    words = [_in_words(one.grant, _owner(one)) for one in grants]
    more = f" And {len(words) - GRANTS_TOLD_LIMIT} more, below." if len(words) > GRANTS_TOLD_LIMIT else ""
    return request_approval(
        kind=KIND,
        payload={"grants": [_document(one) for one in grants]},
        summary=" ".join(words[:GRANTS_TOLD_LIMIT]) + more,
        requested_by=requested_by,
        amounts=amounts,
    )


def register_act() -> None:
    """Name the handler; called when the apps are ready."""
    register(kind=KIND, label="Grant", handler=_give)


def _give(approved: Approved) -> Mapping[str, Any]:
    # What was asked for before grants could come in files is one grant, without a list around it.
    documents = approved.payload.get("grants", [approved.payload])
    try:
        given = add_grants(
            grants=[_grant(document) for document in documents],
            now=timezone.now(),
            approval_id=approved.approval_id,
        )
    except ClientRefused as refusal:
        raise EffectRefused(str(refusal)) from refusal
    return {"grant": ", ".join(str(grant.pk) for grant in given)}


def _document(owned: OwnedGrant) -> dict[str, Any]:
    grant = owned.grant
    limits = {name: None if value is None else str(value) for name, value in _limits(grant).items()}
    owner = {"client_id": owned.client_id, "group_id": owned.group_id}
    return {**asdict(grant), **limits, "action": str(grant.action), **owner}


def _grant(document: Mapping[str, Any]) -> OwnedGrant:
    told = dict(document)
    client_id, group_id = told.pop("client_id"), told.pop("group_id")
    limits = {name: None if told[name] is None else Decimal(told[name]) for name in ("amount_max", "day_max")}
    grant = NewGrant(**{**told, **limits, "action": Action(told["action"])})
    return OwnedGrant(grant=grant, client_id=client_id, group_id=group_id)


def _owner(owned: OwnedGrant) -> str:
    if owned.client_id:
        return client_of(client_id=owned.client_id).name
    return f"group {Group.objects.get(pk=owned.group_id or 0)}"


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
