"""The queue of approvals: who sees which buttons, and what pressing them does."""

import uuid
from contextlib import suppress
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client as Browser

from accounts.models import Unit
from security import approvals
from security.approvals import State
from security.models import ApprovalThreshold
from security.staff import source_of_staff
from tests.security.test_approvals import age


class Person:
    """A member of staff with these permissions, at a browser."""

    def __init__(self, name, *permissions):
        self.user = get_user_model().objects.create_user(f"{name}-{uuid.uuid4().hex[:8]}", is_staff=True)
        self.user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        self.source = source_of_staff(user_id=self.user.pk, username=self.user.username)
        self.browser = Browser()
        self.browser.force_login(self.user)

    def page(self, asked):
        response = self.browser.get(f"/admin/security/approval/{asked.approval_id}/change/")
        assert response.status_code == 200
        return response.content.decode()

    def press(self, asked, decision, reason="seen the invoice"):
        address = f"/admin/security/approval/{asked.approval_id}/decide/"
        return self.browser.post(address, {"decision": decision, "reason": reason}, follow=True)


@pytest.fixture
def olga():
    return Person("olga", "view_approval")


@pytest.fixture
def carl():
    return Person(
        "carl",
        "view_approval",
        "decide_approval",
        "view_approvalthreshold",
        "add_approvalthreshold",
        "change_approvalthreshold",
    )


@pytest.fixture
def asked(olga):
    approvals.register(kind="gift", label="A gift", handler=lambda _approved: {"operation": "17"})
    yield approvals.request_approval(
        kind="gift", payload={"to": "anna"}, summary="10.00 EUR to <b>anna</b>", requested_by=olga.source
    )
    del approvals.KINDS["gift"]


def test_the_queue_shows_what_waits(carl, asked):
    queue = carl.browser.get("/admin/security/approval/").content.decode()

    assert "10.00 EUR to &lt;b&gt;anna&lt;/b&gt;" in queue
    carl.press(asked, "rejected")
    queue = carl.browser.get("/admin/security/approval/?q=anna").content.decode()
    assert f"/admin/security/approval/{asked.approval_id}/change/" not in queue
    for state in ("decided", "all"):
        listed = carl.browser.get(f"/admin/security/approval/?state={state}").content.decode()
        assert f"/admin/security/approval/{asked.approval_id}/change/" in listed


def test_a_controller_approves_and_sees_what_became_of_it(carl, asked):
    assert 'value="approved"' in carl.page(asked)

    page = carl.press(asked, "approved")

    assert [str(message) for message in page.context["messages"]] == [f"Approval {asked.approval_id} is done."]
    shown = carl.page(asked)
    assert "operation: 17" in shown
    assert "seen the invoice" in shown
    assert 'id="decision"' not in shown


def test_who_asked_sees_only_the_way_back(olga, asked):
    page = olga.page(asked)
    assert 'value="withdrawn"' in page
    assert 'value="approved"' not in page

    olga.press(asked, "withdrawn")
    assert approvals.standing(approval_id=asked.approval_id).state is State.WITHDRAWN


def test_who_asked_cannot_approve_even_with_the_permission(olga, asked):
    olga.user.user_permissions.add(Permission.objects.get(codename="decide_approval"))

    page = olga.press(asked, "approved")

    assert "Nobody approves" in str(next(iter(page.context["messages"])))
    assert approvals.standing(approval_id=asked.approval_id).state is State.PENDING


def test_without_the_permission_there_is_no_button_and_no_way(asked):
    reader = Person("rita", "view_approval")
    stranger = Person("sam")

    assert 'id="decision"' not in reader.page(asked)
    assert reader.press(asked, "approved").status_code == 403
    assert stranger.press(asked, "approved").status_code in {403, 404}
    assert stranger.browser.get("/admin/security/approval/").status_code == 403
    assert approvals.standing(approval_id=asked.approval_id).state is State.PENDING


@pytest.mark.parametrize(("decision", "reason"), [("approved", " "), ("maybe", "because"), ("approved", "x" * 2000)])
def test_a_form_that_is_not_filled_in_decides_nothing(carl, asked, decision, reason):
    page = carl.press(asked, decision, reason)

    assert "Give a reason" in str(next(iter(page.context["messages"])))
    assert approvals.standing(approval_id=asked.approval_id).state is State.PENDING


def test_an_expired_one_is_shown_as_expired_and_has_no_buttons(carl, asked):
    age(asked, days=8)

    assert 'id="decision"' not in carl.page(asked)
    assert "expired" in carl.page(asked)
    address = f"/admin/security/approval/{asked.approval_id}/change/"
    assert address not in carl.browser.get("/admin/security/approval/?q=anna").content.decode()
    assert address in carl.browser.get("/admin/security/approval/?state=expired").content.decode()
    told = carl.press(asked, "approved")
    assert "too long ago" in str(next(iter(told.context["messages"])))


def test_a_failed_one_shows_its_reason(carl, asked, monkeypatch):
    def fail(_approved):
        raise ZeroDivisionError("there is a defect")

    monkeypatch.setitem(approvals.KINDS, "gift", approvals.Kind("A gift", fail))
    with pytest.raises(ZeroDivisionError):
        carl.press(asked, "approved")
    assert "1 of 8: ZeroDivisionError: there is a defect" in carl.page(asked)
    for _ in range(7):
        with suppress(ZeroDivisionError):
            approvals.apply(approval_id=asked.approval_id)

    assert "reason: ZeroDivisionError: there is a defect" in carl.page(asked)
    address = f"/admin/security/approval/{asked.approval_id}/change/"
    assert address in carl.browser.get("/admin/security/approval/?state=failed").content.decode()


def test_looking_at_the_address_of_a_decision_decides_nothing(carl, asked):
    assert carl.browser.get(f"/admin/security/approval/{asked.approval_id}/decide/").status_code == 405


def thresholds(carl, **form):
    return carl.browser.post("/admin/security/approvalthreshold/add/", {"kind": "gift", **form})


@pytest.mark.parametrize(
    ("exponent", "typed", "minor", "shown"),
    [
        (2, "1000", 100_000, "above 1,000.00"),
        (2, "0.01", 1, "above 0.01"),
        (0, "1000", 1000, "above 1,000"),
        (18, "12345678901234567890.123456789012345678", 12345678901234567890123456789012345678, "above 12,345,678"),
        (2, "0", 0, "always"),
        (2, "", None, "never"),
    ],
)
def test_a_threshold_is_entered_and_shown_as_its_unit_writes_it(carl, asked, exponent, typed, minor, shown):
    unit = Unit.objects.create(code=f"U{uuid.uuid4().hex[:8]}", exponent=exponent)

    assert thresholds(carl, unit=unit.code, above_minor=typed).status_code == 302

    stored = ApprovalThreshold.objects.get(kind="gift", unit=unit.code)
    assert stored.above_minor == minor
    listed = carl.browser.get("/admin/security/approvalthreshold/").content.decode()
    assert shown in listed.partition("<table")[2].partition(unit.code)[2].partition("</tr>")[0]
    address = f"/admin/security/approvalthreshold/{stored.pk}/change/"
    page = carl.browser.get(address).content.decode()
    if typed.strip("0"):
        written = f"{Decimal(typed):.{exponent}f}" if exponent < 18 else typed
        assert f'value="{written}"' in page
    assert shown in Person("rita", "view_approvalthreshold").browser.get(address).content.decode()


def test_a_threshold_that_makes_no_sense_is_told(carl, asked):
    unit = Unit.objects.create(code=f"U{uuid.uuid4().hex[:8]}", exponent=2).code
    assert thresholds(carl, unit=unit, above_minor="1000").status_code == 302
    for wrong, sentence in (
        ({"unit": unit, "above_minor": "5"}, "already exists"),
        ({"unit": unit, "above_minor": "5.001"}, "has 2 decimals"),
        ({"unit": "", "above_minor": "5"}, "is violated"),
        ({"unit": unit, "above_minor": "-1"}, "greater than or equal to 0"),
        ({"unit": "NONE-SUCH", "above_minor": "1"}, "There is no unit NONE-SUCH."),
    ):
        answer = thresholds(carl, **wrong)
        assert answer.status_code == 200
        assert sentence in answer.content.decode(), wrong


def test_the_amounts_of_an_approval_are_shown_as_their_units_write_them(olga, carl, asked):
    other = approvals.request_approval(
        kind="gift", payload={}, summary="to bert", requested_by=olga.source, amounts={"EUR": 123_456, "JPY": None}
    )

    page = carl.page(other)

    assert "1,234.56 EUR" in page
    assert "any amount of JPY" in page
