"""A grant to move much waits for a second person in the administration, and allows nothing until that person agrees."""

import uuid
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import Book, Unit
from security.approvals import State, apply, request_approval
from security.clients import Terms, change_client, revoke_client
from security.grants import NewGrant, OwnedGrant, add_grant, add_grants
from security.models import AccessRecord, Approval, ApprovalThreshold, Client, Grant
from security.rights import Action
from security.staff import source_of_staff
from tests.api.calls import Api
from tests.ledger.page import Page
from tests.security.actors import new_actor
from tests.security.staff import Person

ADD = "/admin/security/grant/add/"


@pytest.fixture
def ada():
    """An administrator, who sets up grants."""
    ada = Person("ada", "administrator")
    ada.browser.force_login(ada.user)
    return ada


@pytest.fixture
def carl():
    """A controller, who approves."""
    carl = Person("carl", "controller")
    carl.browser.force_login(carl.user)
    return carl


@pytest.fixture
def unit():
    """A unit of its own with two decimals, where a grant needs nobody else up to 1,000.00 (per day and entry)."""
    unit = Unit.objects.create(code=f"U{uuid.uuid4().hex[:8].upper()}", exponent=2)
    threshold = ApprovalThreshold.objects.create(kind="grant", unit=unit.code, above_minor=100_000)
    yield unit.code
    threshold.delete()


@pytest.fixture
def bound():
    """A client that may do what its grants allow, and has none."""
    bound = new_actor(name="bound", scopes="accounts:read operations:write")
    terms = Terms(restricted_to_grants=True)
    change_client(client_id=bound.client_id, name=bound.name, scopes=["accounts:read", "operations:write"], terms=terms)
    return bound


def form_of(actor, unit, *, action="debit", amount_max="", day_max=""):
    pk = Client.objects.get(client_id=actor.client_id).pk
    return {"client": pk, "action": action, "unit": unit, "amount_max": amount_max, "day_max": day_max}


def grants_of(actor):
    return Grant.objects.filter(client__client_id=actor.client_id)


def asked_for(actor):
    return Approval.objects.filter(kind="grant", summary__contains=actor.name).order_by("-id").first()


def decide(person, approval, decision):
    address = f"/admin/security/approval/{approval.pk}/decide/"
    return person.browser.post(address, {"decision": decision, "reason": "contract 7"}, follow=True)


def test_a_grant_above_the_threshold_lets_nothing_through_until_it_is_approved(ada, carl, unit, bound):
    page = Page.open_new(f"till {unit}", f"bank {unit}")
    api = Api(bound.token(), Book.objects.get(id=page.book_id).name)
    add_grant(grant=NewGrant(action=Action.CREDIT), now=timezone.now(), client_id=bound.client_id)

    def pays(key):
        return api.operate(("till", "-7.00"), ("bank", "7.00"), key=key).status_code

    told = ada.browser.post(ADD, form_of(bound, unit, day_max="1000.01"), follow=True)

    assert [str(message) for message in told.context["messages"]] == [
        "It waits for a second person, and allows nothing until then."
    ]
    asked = asked_for(bound)
    assert "debit on all accounts" in asked.summary
    assert f"1,000.01 {unit}" in told.content.decode()
    assert pays("before") == 422
    decide(carl, asked, "approved")
    assert pays("after") == 201
    given = grants_of(bound).get(action="debit")
    assert (given.approval_id, given.day_max) == (asked.pk, Decimal("1000.01"))
    page.shows("till -7.00, bank 7.00")


def test_a_grant_up_to_the_threshold_is_given_at_once(ada, unit, bound):
    """The control: what is not above it, and what a threshold of never covers."""
    told = ada.browser.post(ADD, form_of(bound, unit, amount_max="500", day_max="1000.00"), follow=True)

    assert "is given" in str(next(iter(told.context["messages"])))
    assert grants_of(bound).count() == 1


def test_a_rule_that_is_off_holds_nothing_up(ada, unit, bound):
    ApprovalThreshold.objects.filter(kind="grant", unit=unit).update(above_minor=None)

    ada.browser.post(ADD, form_of(bound, unit))

    assert grants_of(bound).get().day_max is None


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"amount_max": "1.00"},
        {"day_max": "1000.01"},
        {"amount_max": "1000.01", "day_max": "5"},
    ],
    ids=["no limit at all", "no sum per day", "sum per day above", "largest amount above"],
)
@pytest.mark.parametrize("action", ["credit", "debit", "reverse"])
def test_what_can_move_more_than_the_threshold_waits(ada, unit, bound, action, limits):
    ada.browser.post(ADD, form_of(bound, unit, action=action, **limits))

    assert not grants_of(bound).exists()
    assert asked_for(bound) is not None


def test_a_grant_for_every_unit_waits_where_one_unit_has_a_threshold(ada, unit, bound):
    everywhere = ApprovalThreshold.objects.create(kind="grant", unit="", above_minor=None)
    try:
        ada.browser.post(ADD, form_of(bound, ""))
    finally:
        everywhere.delete()

    assert not grants_of(bound).exists()


def test_a_grant_in_a_unit_without_a_threshold_waits(ada, bound):
    ada.browser.post(ADD, form_of(bound, f"X{uuid.uuid4().hex[:6]}", day_max="0.01"))

    assert not grants_of(bound).exists()


@pytest.mark.parametrize("action", ["read", "open", "mass", "verify"])
def test_what_moves_nothing_needs_nobody_else(ada, unit, bound, action):
    ada.browser.post(ADD, form_of(bound, unit, action=action))

    assert grants_of(bound).get().action == action
    assert asked_for(bound) is None


def test_nobody_approves_the_grant_they_asked_for(ada, unit, bound):
    both = Person("both", "administrator", "controller")
    both.browser.force_login(both.user)
    both.browser.post(ADD, form_of(bound, unit), follow=True)

    told = decide(both, asked_for(bound), "approved")

    assert "Nobody approves" in str(next(iter(told.context["messages"])))
    assert decide(ada, asked_for(bound), "approved").status_code == 403
    assert not grants_of(bound).exists()


def test_a_rejected_one_is_never_given(ada, carl, unit, bound):
    ada.browser.post(ADD, form_of(bound, unit))

    decide(carl, asked_for(bound), "rejected")

    assert not grants_of(bound).exists()


def test_what_cannot_be_given_any_more_is_told(ada, carl, unit, bound):
    ada.browser.post(ADD, form_of(bound, unit))
    revoke_client(client_id=bound.client_id, now=timezone.now())

    told = decide(carl, asked_for(bound), "approved")

    assert "is refused" in str(next(iter(told.context["messages"])))
    assert not grants_of(bound).exists()


def test_a_group_of_staff_that_is_gone_gets_nothing(ada, carl, unit):
    group = Group.objects.create(name=f"group {uuid.uuid4().hex}")
    ada.browser.post(ADD, {"group": group.pk, "action": "debit", "unit": unit})
    asked = Approval.objects.filter(summary__contains=group.name).get()
    group.delete()

    told = decide(carl, asked, "approved")

    assert "There is no such group." in told.content.decode()


def test_it_is_given_once_however_often_its_effect_is_made(unit, bound):
    ApprovalThreshold.objects.filter(kind="grant", unit=unit).update(above_minor=None)
    olga = Person("olga")
    payload = {"action": "debit", "account_prefix": "", "unit": unit, "amount_max": None, "day_max": None}
    asked = request_approval(
        kind="grant",
        payload={**payload, "client_id": bound.client_id, "group_id": None},
        summary="a grant",
        requested_by=source_of_staff(user_id=olga.user.pk, username=olga.name),
        amounts={unit: None},
    )
    (given,) = add_grants(
        grants=[OwnedGrant(grant=NewGrant(action=Action.DEBIT, unit=unit), client_id=bound.client_id)],
        now=timezone.now(),
        approval_id=asked.approval_id,
    )

    assert asked.state is State.DONE
    assert apply(approval_id=asked.approval_id).result == {"grant": str(given.pk)}
    assert grants_of(bound).count() == 1


def test_the_request_the_approval_and_the_grant_are_in_the_access_record(ada, carl, unit, bound):
    ada.browser.post(ADD, form_of(bound, unit))
    asked = asked_for(bound)
    decide(carl, asked, "approved")
    given = grants_of(bound).get()
    ada.browser.post(f"/admin/security/grant/{given.pk}/delete/", {"post": "yes"})

    rows = AccessRecord.objects.filter(
        event__in=["approval", "grant"], who__in=[f"staff:{ada.name}", f"staff:{carl.name}"]
    )
    told = [
        (row.who.partition(":")[2].partition("-")[0], row.what.partition(": Grant")[0]) for row in rows.order_by("id")
    ]

    grant = f"grant debit all accounts {unit} of client {bound.client_id}"
    assert told == [
        ("ada", f"asked for approval {asked.pk}"),
        ("carl", f"approved approval {asked.pk}: contract 7"),
        ("carl", f"{grant} given by approval {asked.pk}"),
        ("ada", f"{grant} taken away"),
    ]
