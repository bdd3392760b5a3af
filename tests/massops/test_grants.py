"""A sender that is bound by grants: what it may not do is an error of the row at the check, and a refusal at the posting."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone

from massops import reversal
from massops.models import MassOperation, State
from security import approvals
from security.approvals import Decision
from security.grant_models import Grant
from security.grants import NewGrant, add_grant, remove_grant
from security.models import Client
from security.rights import Action
from security.staff import source_of_staff
from tests.massops.desk import Desk, unique
from tests.security.actors import new_actor


@dataclass(frozen=True)
class Bound:
    """A desk in the name of somebody with grants, and how to change these."""

    desk: Desk
    owner: dict[str, object]

    def may(self, *lines: str) -> None:
        """Grants as lines: `debit shop: EUR 10.00`, the largest amount last."""
        for line in lines:
            words = line.split()
            action, prefix, unit, most = [*words, *["*", "*", "*", "-"][len(words) :]]
            grant = NewGrant(
                action=Action(action),
                account_prefix="" if prefix == "*" else prefix,
                unit="" if unit == "*" else unit,
                amount_max=None if most == "-" else Decimal(most),
            )
            add_grant(grant=grant, now=timezone.now(), **self.owner)

    def may_not(self, action: str) -> None:
        """Take the grants of an action away."""
        for grant in Grant.objects.filter(**self.owner_filter(), action=action):
            remove_grant(grant_id=grant.pk)

    def owner_filter(self) -> dict[str, object]:
        """How to find the grants."""
        return {{"client_id": "client__client_id"}.get(name, name): value for name, value in self.owner.items()}


@pytest.fixture(params=["client", "staff"])
def bound(request: pytest.FixtureRequest) -> Bound:
    """Shops, a bank and a till; who uploads is a client or a member of staff."""
    desk = Desk.open_new("shop:1 EUR", "shop:2 EUR", "shop:dollars USD", "bank EUR", "till EUR")
    if request.param == "client":
        actor = new_actor(name="bound", scopes="mass:write")
        source = Client.objects.get(client_id=actor.client_id).source_id
        return Bound(Desk(replace(desk.page, source_id=source)), {"client_id": actor.client_id})
    person = new_person()
    group = Group.objects.create(name=unique("bound"))
    person.groups.add(group)
    source = source_of_staff(user_id=person.pk, username=person.username)
    return Bound(Desk(replace(desk.page, source_id=source)), {"group_id": group.pk})


def new_person() -> object:
    return get_user_model().objects.create_user(unique("person"), is_staff=True)


def found_of(desk: Desk, *rows: str, header: str = "key,account,amount") -> MassOperation:
    return desk.upload("\n".join([header, *rows]) + "\n", again=True)


def posted(desk: Desk, found: MassOperation) -> MassOperation:
    """Decide, let a second person approve where one has to, and post."""
    decided = desk.decide(found)
    if decided.state == State.WAITING:
        controller = source_of_staff(user_id=new_person().pk, username=unique("controller"))
        approvals.decide(approval_id=decided.approval_id, by=controller, decision=Decision.APPROVED, reason="a test")
    return desk.work(decided)


def outcomes_of(bound: Bound, found: MassOperation) -> Sequence[tuple[str, str]]:
    """Outcomes of the rows that the check found good."""
    done = posted(bound.desk, found)
    return [(outcome, code) for _, outcome, code in bound.desk.results(done) if outcome != "invalid"]


def test_a_row_is_forbidden_by_its_direction_its_unit_and_its_account(bound: Bound) -> None:
    bound.may("mass shop: EUR", "credit shop: EUR", "debit shop:1 EUR")

    found = found_of(
        bound.desk,
        "in,shop:1,5",
        "out,shop:1,-1",
        "in 2,shop:2,5",
        "out 2,shop:2,-1",
        "dollars,shop:dollars,1",
        "bank,bank,5",
        "nobody,nobody,5",
        "new,shop:new,5",
    )

    assert bound.desk.problems(found) == [
        (5, "account", "forbidden_account"),
        (6, "account", "forbidden_account"),
        (7, "account", "forbidden_account"),
        (8, "account", "forbidden_account"),
        (9, "account", "account_unknown"),
    ]
    assert found.summary["unknown"] == 1
    assert outcomes_of(bound, found) == [("posted", "")] * 3
    bound.desk.page.shows("shop:1 4.00, shop:2 5.00, bank 0.00")


def test_both_sides_of_a_transfer_are_judged_whichever_way_it_goes(bound: Bound) -> None:
    bound.may("mass *", "debit till", "credit shop:")

    found = found_of(
        bound.desk,
        "a,till,shop:1,5",
        "b,shop:1,till,-1",
        "c,shop:1,till,1",
        "d,till,shop:1,-1",
        "e,till,bank,1",
        header="key,from,to,amount",
    )

    assert bound.desk.problems(found) == [
        (4, "account", "forbidden_account"),
        (4, "to", "forbidden_account"),
        (5, "account", "forbidden_account"),
        (5, "to", "forbidden_account"),
        (6, "to", "forbidden_account"),
    ]
    assert outcomes_of(bound, found) == [("posted", "")] * 2
    bound.desk.page.shows("till -6.00, shop:1 6.00")


def test_the_right_to_mass_operations_alone_moves_nothing_and_the_right_to_move_alone_is_not_for_files(
    bound: Bound,
) -> None:
    bound.may("mass shop:1", "credit shop:2")

    found = found_of(bound.desk, "a,shop:1,5", "b,shop:2,5")

    assert bound.desk.problems(found) == [(2, "account", "forbidden_account"), (3, "account", "forbidden_account")]


def test_an_amount_above_the_grant_is_an_error_of_its_row(bound: Bound) -> None:
    bound.may("mass *", "credit shop: EUR 10.00", "debit shop: EUR 2.50")

    found = found_of(bound.desk, "a,shop:1,10", "b,shop:1,10.01", "c,shop:1,-2.50", "d,shop:1,-2.51")

    assert bound.desk.problems(found) == [(3, "amount", "limit_exceeded"), (5, "amount", "limit_exceeded")]
    assert outcomes_of(bound, found) == [("posted", "")] * 2


@pytest.mark.parametrize("lost", ["mass", "credit"])
def test_a_grant_that_went_between_check_and_posting_refuses_the_row(bound: Bound, lost: str) -> None:
    bound.may("mass shop:", "credit shop:", "debit shop:")
    found = found_of(bound.desk, "in,shop:1,5", "in 2,shop:2,5")
    assert found.rows_bad == 0

    bound.may_not(lost)
    if lost == "mass":
        bound.may("mass shop:2")  # bound by what is left

    refused = ("refused", "forbidden_account")
    assert outcomes_of(bound, found) == [refused, ("posted", "") if lost == "mass" else refused]


def test_a_reversal_needs_the_right_to_reverse(bound: Bound) -> None:
    bound.may("mass *", "credit *", "reverse shop:1")
    done = posted(bound.desk, found_of(bound.desk, "a,shop:1,5", "b,shop:2,5"))
    source = {"source_id": bound.desk.page.source_id, "credential": "a desk"}

    made = bound.desk.work(reversal.reverse(mass_operation_id=done.id, **source))

    assert bound.desk.problems(made) == [(3, "account", "forbidden_account")]
    bound.may_not("reverse")
    back = posted(bound.desk, made)
    assert (back.state, back.refusals) == ("done", {"forbidden_account": 1})
    bound.desk.page.shows("shop:1 5.00, shop:2 5.00")


def test_the_reversal_of_what_somebody_else_posted_is_refused_where_it_became_hidden(bound: Bound) -> None:
    theirs = Desk(bound.desk.page.another_source())
    done = theirs.post(theirs.upload("key,account,amount\na,shop:1,5\n"))
    bound.may("mass *", "reverse *")
    source = {"source_id": bound.desk.page.source_id, "credential": "a desk"}
    made = bound.desk.work(reversal.reverse(mass_operation_id=done.id, **source))
    assert made.rows_bad == 0

    bound.may_not("reverse")

    back = posted(bound.desk, made)
    assert (back.state, back.refusals) == ("done", {"forbidden_account": 1})


def test_who_is_not_bound_by_grants_may_do_all_of_it() -> None:
    desk = Desk.open_new("shop:1 EUR", "bank EUR")

    assert found_of(desk, "a,shop:1,-5", "b,bank,99").rows_bad == 0
