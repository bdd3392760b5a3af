"""The two-person rule for what people decide: above a threshold a mass operation waits for somebody else."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts.models import Unit
from massops import deciding, lifecycle
from massops.models import MassOperation
from security import approvals
from security.approval_models import Approval, ApprovalThreshold
from security.approvals import Decision
from security.staff import source_of_staff
from tests.ledger.page import Page
from tests.massops.desk import Desk, unique
from tests.security.test_approvals import age


@pytest.fixture
def person() -> Desk:
    """The desk of a member of staff, with an account in a unit of its own that has a threshold of 10.00."""
    unit = Unit.objects.create(code=unique("U").upper(), exponent=2)
    ApprovalThreshold.objects.create(kind=deciding.APPROVAL_KIND, unit=unit.code, above_minor=1_000)
    return Desk(Page(Page.open_new(f"anna {unit.code}").book_id, staff("clerk")))


def staff(name: str) -> int:
    """The source of a new member of staff."""
    user = get_user_model().objects.create_user(unique(name), is_staff=True)
    return source_of_staff(user_id=user.pk, username=user.username)


def test_below_the_threshold_it_is_posted_at_once(person: Desk) -> None:
    assert person.post(person.upload("account,amount\nanna,10.00\n")).state == "done"


@pytest.mark.parametrize("amounts", ["10.01", "-10.01", "6\nanna,6\nanna,-12"])
def test_above_the_threshold_it_waits_until_somebody_else_approves(person: Desk, amounts: str) -> None:
    found = person.work(person.decide(person.upload(f"account,amount\nanna,{amounts}\n")))
    assert (found.state, found.approval_id is not None) == ("waiting", True)
    assert found.name in Approval.objects.get(id=found.approval_id).summary

    with pytest.raises(approvals.DecisionRefused):
        decided(found, person.page.source_id, Decision.APPROVED)
    decided(found, staff("controller"), Decision.APPROVED)

    assert person.work(found).state == "done"


def test_an_expired_decision_leads_back_to_the_check(person: Desk) -> None:
    found = person.work(person.decide(person.upload("account,amount\nanna,99\n")))

    age(approvals.standing(approval_id=found.approval_id), days=8)

    assert deciding.take_back(now=timezone.now()) == 1
    assert person.read(found).state == "checked"


def test_a_rejected_decision_leads_back_to_the_check(person: Desk) -> None:
    found = person.work(person.decide(person.upload("account,amount\nanna,99\n")))

    decided(found, staff("controller"), Decision.REJECTED)

    assert deciding.take_back(now=timezone.now()) == 1
    assert person.read(found).state == "checked"
    assert person.read(found).events.order_by("-id").first().reason == f"approval {found.approval_id} rejected"


def test_an_approval_of_what_was_cancelled_has_no_effect(person: Desk) -> None:
    found = person.work(person.decide(person.upload("account,amount\nanna,99\n")))
    lifecycle.cancel(mass_operation_id=found.id, source_id=person.page.source_id, reason="a mistake")

    decided(found, staff("controller"), Decision.APPROVED)

    assert person.work(found).state == "cancelled"
    assert approvals.standing(approval_id=found.approval_id).state is approvals.State.REFUSED


def test_an_approval_of_an_earlier_decision_does_not_serve_a_later_one(person: Desk) -> None:
    found = person.work(person.decide(person.upload("account,amount\nanna,99\n")))
    first = found.approval_id
    with lifecycle.locked(mass_operation_id=found.id, source_id=None, reason="back") as fresh:
        fresh.state = "checked"
        fresh.save()
    again = person.decide(person.read(found), now=timezone.now() + timedelta(seconds=1))

    approvals.decide(approval_id=first, by=staff("controller"), decision=Decision.APPROVED, reason="late")

    assert approvals.standing(approval_id=first).state is approvals.State.REFUSED
    assert (person.work(found).state, again.approval_id != first) == ("waiting", True)


def test_a_decision_whose_process_died_before_it_asked_is_taken_back(
    person: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approvals, "request_approval", lambda **_: exec("raise KeyError"))  # noqa: S102 - dies there
    found = person.upload("account,amount\nanna,99\n")
    with pytest.raises(KeyError):
        person.decide(found)

    assert deciding.take_back(now=timezone.now()) == 0
    assert deciding.take_back(now=timezone.now() + timedelta(minutes=5)) == 1
    assert MassOperation.objects.get(id=found.id).state == "checked"


def decided(found: MassOperation, by: int, decision: Decision) -> None:
    """Decide on the approval of a mass operation."""
    approvals.decide(approval_id=found.approval_id, by=by, decision=decision, reason="seen")
