"""The two-person rule: when a second person is needed, who may be it, and that an effect happens once."""

import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections
from django.utils import timezone

from security import approvals
from security.approvals import Decision, DecisionRefused, EffectRefused, State
from security.instruments import ApprovalsCollector
from security.limits import APPROVAL_ATTEMPTS_LIMIT
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


def age(standing, *, days):
    """Make a request as old as that, as the owner of the table with its guard lifted; and put the guard back."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        owner.execute("ALTER TABLE security_approval DISABLE TRIGGER appendonly_update")
        moved = "UPDATE security_approval SET requested_at = requested_at - make_interval(days => %s) WHERE id = %s"
        owner.execute(moved, [days, standing.approval_id])
        owner.execute("ALTER TABLE security_approval ENABLE ALWAYS TRIGGER appendonly_update")


def test_what_nobody_decides_in_time_expires_and_is_decided_no_more(kind, olga, carl):
    asked = ask(kind, olga)

    age(asked, days=8)

    assert approvals.standing(approval_id=asked.approval_id).state is State.EXPIRED
    for by, decision in ((carl, Decision.APPROVED), (carl, Decision.REJECTED), (olga, Decision.WITHDRAWN)):
        with pytest.raises(DecisionRefused) as refused:
            approvals.decide(approval_id=asked.approval_id, by=by, decision=decision, reason="late")
        assert refused.value.code == "expired"
    assert kind.calls == []


def test_the_day_before_it_expires_it_can_be_decided(kind, olga, carl):
    asked = ask(kind, olga)

    age(asked, days=6)

    assert approve(asked, carl).state is State.DONE


def test_the_age_is_a_setting(kind, olga, carl, settings):
    settings.APPROVAL_DAYS = 30
    asked = ask(kind, olga)

    age(asked, days=8)

    assert approve(asked, carl).state is State.DONE


def test_what_was_decided_in_time_does_not_expire(kind, olga, carl):
    asked = ask(kind, olga)
    approve(asked, carl)

    age(asked, days=100)

    assert approvals.standing(approval_id=asked.approval_id).state is State.DONE
    with pytest.raises(DecisionRefused, match="decided already"):
        approve(asked, carl)


@pytest.fixture
def broken(kind, monkeypatch):
    """The kind, with a handler that fails each time."""

    def fail(approved):
        kind.calls.append(approved)
        raise ZeroDivisionError("there is a defect")

    monkeypatch.setitem(approvals.KINDS, kind.name, approvals.Kind("Gift", fail))
    return kind


def test_a_handler_that_fails_each_time_has_failed_after_some_attempts(broken, olga, carl):
    asked = ask(broken, olga)
    for _ in range(APPROVAL_ATTEMPTS_LIMIT - 1):
        with pytest.raises(ZeroDivisionError):
            approve(asked, carl) if not broken.calls else apply_approval(approval_id=asked.approval_id)
        assert approvals.standing(approval_id=asked.approval_id).state is State.APPROVED

    apply_approval(approval_id=asked.approval_id)
    apply_approval(approval_id=asked.approval_id)

    became = approvals.standing(approval_id=asked.approval_id)
    assert became.state is State.FAILED
    assert became.result == {"reason": "ZeroDivisionError: there is a defect"}
    assert len(broken.calls) == APPROVAL_ATTEMPTS_LIMIT
    assert asked.approval_id not in approvals.due(now=timezone.now() + timedelta(days=365))


def test_the_attempts_are_further_and_further_apart(broken, olga, carl):
    asked = ask(broken, olga)
    with pytest.raises(ZeroDivisionError):
        approve(asked, carl)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            apply_approval(approval_id=asked.approval_id)

    now = timezone.now()

    assert asked.approval_id not in approvals.due(now=now + timedelta(minutes=3))
    assert asked.approval_id in approvals.due(now=now + timedelta(minutes=5))


def test_a_handler_that_recovers_is_done(broken, olga, carl, monkeypatch):
    asked = ask(broken, olga)
    with pytest.raises(ZeroDivisionError):
        approve(asked, carl)

    monkeypatch.setitem(approvals.KINDS, broken.name, approvals.Kind("Gift", lambda _approved: {"operation": "9"}))
    apply_approval(approval_id=asked.approval_id)

    assert approvals.standing(approval_id=asked.approval_id).state is State.DONE


def test_a_scrape_tells_what_waits_and_what_failed(broken, olga, carl):
    def told():
        (gauge,) = ApprovalsCollector().collect()
        return {sample.labels["state"]: sample.value for sample in gauge.samples}

    before = told()
    asked = ask(broken, olga)
    assert told() == {**before, "pending": before["pending"] + 1}
    with pytest.raises(ZeroDivisionError):
        approve(asked, carl)
    for _ in range(APPROVAL_ATTEMPTS_LIMIT - 1):
        with suppress(ZeroDivisionError):
            apply_approval(approval_id=asked.approval_id)

    assert told() == {**before, "failed": before["failed"] + 1}


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
