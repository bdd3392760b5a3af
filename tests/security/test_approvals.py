"""The two-person rule: when a second person is needed, who may be it, and that an effect happens once."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.utils import timezone

from security import approvals
from security.approvals import Decision, DecisionRefused, EffectRefused, State
from security.models import ApprovalThreshold, Source, StaffSource
from security.staff import source_of_staff
from security.tasks import apply_approval, apply_due_approvals


def person(name: str) -> int:
    user = get_user_model().objects.create_user(f"{name}-{uuid.uuid4().hex[:8]}", is_staff=True)
    return source_of_staff(user_id=user.pk, username=user.username)


@pytest.fixture
def olga():
    """Who asks."""
    return person("olga")


@pytest.fixture
def carl():
    """Who decides."""
    return person("carl")


@pytest.fixture
def kind():
    """A kind of its own, with a handler that writes down what it was called with."""
    name = f"gift-{uuid.uuid4().hex[:8]}"
    calls = []

    def give(approved):
        calls.append(approved)
        if approved.payload.get("impossible"):
            raise EffectRefused("The account is closed.")
        return {"operation": str(len(calls))}

    approvals.register(kind=name, label="Gift", handler=give)
    give.name, give.calls = name, calls
    yield give
    del approvals.KINDS[name]


def ask(kind, by, *, payload=None, amounts=None):
    return approvals.request_approval(
        kind=kind.name, payload=payload or {"to": "anna"}, summary="10.00 EUR to anna", requested_by=by, amounts=amounts
    )


def approve(standing, by, reason="agreed by phone"):
    return approvals.decide(approval_id=standing.approval_id, by=by, decision=Decision.APPROVED, reason=reason)


def test_an_approval_takes_effect_once_a_second_person_agrees(kind, olga, carl):
    asked = ask(kind, olga)
    assert (asked.state, kind.calls) == (State.PENDING, [])

    became = approve(asked, carl)

    (approved,) = kind.calls
    assert (became.state, became.result) == (State.DONE, {"operation": "1"})
    assert (approved.requested_by, approved.decided_by, approved.payload) == (olga, carl, {"to": "anna"})
    assert approved.idempotency_key == f"approval:{asked.approval_id}"
    assert approvals.standing(approval_id=asked.approval_id) == became


# Thresholds as (unit, above); amounts; whether a second person is needed.
THRESHOLDS = [
    ([], {"EUR": 1}, True),
    ([], {}, True),
    ([("EUR", 1000)], {"EUR": 1000}, False),
    ([("EUR", 1000)], {"EUR": 1001}, True),
    ([("EUR", 1000)], {"EUR": -1001}, True),
    ([("EUR", 1000)], {"USD": 1}, True),
    ([("EUR", 1000)], {}, True),
    ([("EUR", 1000), ("", None)], {"USD": 10**30}, False),
    ([("EUR", 1000), ("", None)], {"USD": 1, "EUR": 1001}, True),
    ([("EUR", None), ("", 0)], {"EUR": 10**30}, False),
    ([("EUR", None), ("", 0)], {"USD": 1}, True),
    ([("EUR", None)], {"EUR": 10**38 - 1}, False),
    ([("", None)], {}, False),
    ([("", 0)], {}, True),
]


@pytest.mark.parametrize(("thresholds", "amounts", "needed"), THRESHOLDS)
def test_the_threshold_says_whether_a_second_person_is_needed(kind, olga, thresholds, amounts, needed):
    for unit, above in thresholds:
        ApprovalThreshold.objects.create(kind=kind.name, unit=unit, above_minor=above)

    asked = ask(kind, olga, amounts=amounts)

    assert asked.state == (State.PENDING if needed else State.DONE)
    assert len(kind.calls) == (0 if needed else 1)


def test_nobody_decides_on_their_own_request(kind, olga):
    asked = ask(kind, olga)

    for decision in (Decision.APPROVED, Decision.REJECTED):
        with pytest.raises(DecisionRefused) as refused:
            approvals.decide(approval_id=asked.approval_id, by=olga, decision=decision, reason="because")
        assert refused.value.code == "own"
    assert (approvals.standing(approval_id=asked.approval_id).state, kind.calls) == (State.PENDING, [])


def test_who_asked_can_withdraw_and_nobody_else(kind, olga, carl):
    asked = ask(kind, olga)
    with pytest.raises(DecisionRefused, match="Only who asked"):
        approvals.decide(approval_id=asked.approval_id, by=carl, decision=Decision.WITHDRAWN, reason="because")

    became = approvals.decide(approval_id=asked.approval_id, by=olga, decision=Decision.WITHDRAWN, reason="a slip")

    assert became.state is State.WITHDRAWN
    with pytest.raises(DecisionRefused, match="decided already"):
        approve(asked, carl)
    assert kind.calls == []


def test_a_client_decides_nothing(kind, olga, shop):
    asked = ask(kind, olga)

    with pytest.raises(DecisionRefused, match="member of staff"):
        approve(asked, shop.source_id)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 1001])
def test_a_decision_has_a_reason(kind, olga, carl, reason):
    with pytest.raises(DecisionRefused, match="reason"):
        approve(ask(kind, olga), carl, reason)


def test_an_approval_that_does_not_exist_is_unknown(carl):
    with pytest.raises(DecisionRefused, match="no such"):
        approvals.decide(approval_id=2**62, by=carl, decision=Decision.REJECTED, reason="because")


def test_what_cannot_be_done_is_recorded_and_not_tried_again(kind, olga, carl):
    asked = ask(kind, olga, payload={"impossible": True})

    became = approve(asked, carl)
    apply_approval(approval_id=asked.approval_id)

    assert (became.state, became.result) == (State.REFUSED, {"reason": "The account is closed."})
    assert len(kind.calls) == 1


def test_an_effect_that_was_lost_in_a_crash_is_made_later_with_the_same_key(kind, olga, carl, monkeypatch):
    asked = ask(kind, olga)
    working = approvals.KINDS[kind.name]

    def crash(approved):
        kind.calls.append(approved)
        raise KeyboardInterrupt  # the process is killed after its effect and before the record of it

    monkeypatch.setitem(approvals.KINDS, kind.name, approvals.Kind("Gift", crash))
    with pytest.raises(KeyboardInterrupt):
        approve(asked, carl)
    assert approvals.standing(approval_id=asked.approval_id).state is State.APPROVED
    monkeypatch.setitem(approvals.KINDS, kind.name, working)

    now = timezone.now()
    assert asked.approval_id not in approvals.due(now=now)
    assert asked.approval_id in approvals.due(now=now + timedelta(minutes=1))
    monkeypatch.setattr("security.tasks.approvals.due", lambda **_now: [asked.approval_id])
    monkeypatch.setattr("security.tasks.apply_approval.delay", apply_approval)
    apply_due_approvals()
    apply_due_approvals()

    assert approvals.standing(approval_id=asked.approval_id).state is State.DONE
    assert len(kind.calls) == 2
    assert len({approved.idempotency_key for approved in kind.calls}) == 1


def test_of_many_clicks_at_once_one_decides(kind, olga):
    asked = ask(kind, olga)
    people = [person(f"controller{number}") for number in range(8)]
    together = threading.Barrier(len(people))

    def click(by):
        together.wait()
        try:
            return str(approve(asked, by).state)
        except DecisionRefused as refused:
            return refused.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(click, people))

    assert sorted(answers) == ["decided"] * 7 + ["done"]
    assert len(kind.calls) == 1


def test_the_first_recorded_effect_stays(kind, olga, carl):
    asked = ask(kind, olga)
    approve(asked, carl)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT security_record_effect_v1(%s, 'refused', '{}')",
            [asked.approval_id],
        )
    assert approvals.standing(approval_id=asked.approval_id).state is State.DONE


def test_no_effect_is_recorded_of_what_was_not_approved(kind, olga):
    asked = ask(kind, olga)

    with connection.cursor() as cursor, pytest.raises(Exception, match="was not given"):
        cursor.execute("SELECT security_record_effect_v1(%s, 'done', '{}')", [asked.approval_id])


def test_a_kind_that_nobody_registered_is_not_stored(olga):
    with pytest.raises(KeyError):
        approvals.request_approval(kind="unheard", payload={}, summary="x", requested_by=olga)


def test_a_person_has_one_source_that_never_changes_hands():
    name = f"anna-{uuid.uuid4().hex[:8]}"
    anna = get_user_model().objects.create_user(name)
    first = source_of_staff(user_id=anna.pk, username=name)
    anna.username = f"former-{name}"
    anna.save()
    other = get_user_model().objects.create_user(name)

    assert source_of_staff(user_id=anna.pk, username=anna.username) == first
    second = source_of_staff(user_id=other.pk, username=name)
    assert second != first
    assert Source.objects.get(id=second).name == f"staff:{name}:{other.pk}"
    assert StaffSource.objects.get(source_id=first).user_id == anna.pk
