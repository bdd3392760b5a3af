"""What a person may do in the panel: reverse, correct, change a floor, freeze, open again, close. Once, and in their name."""

import uuid

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import Account, AccountChange
from ledger.models import Operation
from security.approval_models import Approval, ApprovalThreshold
from security.grants import NewGrant, add_grant
from security.models import Grant, Source
from security.rights import Action
from security.staff import source_of_staff
from tests.ledger.page import Page


class Colleague:
    """A member of staff in one of the groups, at their browser."""

    def __init__(self, group: str) -> None:
        self.user = get_user_model().objects.create_user(f"{group}-{uuid.uuid4().hex[:8]}", is_staff=True)
        self.user.groups.add(Group.objects.get(name=group))
        self.browser = Client()
        self.browser.force_login(self.user)

    @property
    def source(self) -> int:
        return source_of_staff(user_id=self.user.pk, username=self.user.username)

    def send(self, address: str, **form: str):
        return self.browser.post(f"/admin/{address}", {"token": str(uuid.uuid4()), "reason": "because", **form})


@pytest.fixture
def operator() -> Colleague:
    return Colleague("operator")


@pytest.fixture
def controller() -> Colleague:
    return Colleague("controller")


@pytest.fixture
def unlimited():
    """No second person for any amount of euros."""
    kinds = ("correction", "reversal", "floor")
    made = [ApprovalThreshold.objects.create(kind=kind, unit="EUR", above_minor=None) for kind in kinds]
    yield
    for threshold in made:
        threshold.delete()


@pytest.fixture
def page() -> Page:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR", "points JPY", "shop JPY")
    page.write(("salary", "bank -100.00, anna 100.00", "accepted"), ("rent", "anna -70.00, bank 70.00", "accepted"))
    return page


def lines(*entries: tuple[str, str]) -> dict[str, str]:
    form = {"entry-TOTAL_FORMS": str(len(entries)), "entry-INITIAL_FORMS": "0"}
    for number, (account, amount) in enumerate(entries):
        form |= {f"entry-{number}-account": account, f"entry-{number}-amount": amount}
    return form


def errors(answer) -> list[str]:
    assert answer.status_code == 200
    return list(answer.context["form"].non_field_errors())


# --- reversals -------------------------------------------------------------------------------------------------------


def test_a_reversal_is_the_person_s_own_message_with_the_reason(operator, page, unlimited):
    rent = page.operation_id("rent")

    answer = operator.send(f"ledger/operation/{rent}/reverse/", reason="Wrong month")

    reversal = Operation.objects.get(book_id=page.book_id, reverses=rent)
    assert answer.url == f"/admin/ledger/operation/{reversal.id}/change/"
    assert (reversal.source_id, reversal.outcome) == (operator.source, "accepted")
    assert b"Wrong month" in bytes(reversal.message)
    assert Source.objects.get(id=reversal.source_id).kind == "staff"
    page.shows("anna 100.00, bank -100.00")


@pytest.fixture
def bound(operator):
    """The operator, in a group that may credit anna and debit the bank, by grants alone."""
    group = Group.objects.create(name=f"bound {uuid.uuid4().hex}")
    for action, prefix in ((Action.CREDIT, "anna"), (Action.DEBIT, "bank")):
        add_grant(grant=NewGrant(action=action, account_prefix=prefix), now=timezone.now(), group_id=group.pk)
    operator.user.groups.add(group)
    return operator


@pytest.mark.parametrize(
    ("entries", "outcome", "balances"),
    [
        ([("bank", "-1.00"), ("anna", "1.00")], "accepted", "anna 31.00, bank -31.00"),
        ([("anna", "-1.00"), ("bank", "1.00")], "forbidden_account", "anna 30.00, bank -30.00"),
    ],
    ids=["what the grants allow", "the other way round"],
)
def test_a_correction_is_bound_by_the_grants_of_the_person_s_groups(bound, page, unlimited, entries, outcome, balances):
    bound.send(f"accounts/account/{page.id('anna')}/correct/", **lines(*entries))

    (posted,) = Operation.objects.filter(book_id=page.book_id, source_id=bound.source)
    assert posted.outcome == outcome
    page.shows(balances)


def test_a_reversal_is_bound_by_the_grants_of_the_person_s_groups(bound, page, unlimited):
    answer = bound.send(f"ledger/operation/{page.operation_id('rent')}/reverse/")

    told = bound.browser.get(answer.url)
    assert "The grants of the person who asked do not reach this operation." in told.content.decode()
    assert not Operation.objects.filter(book_id=page.book_id, reverses=page.operation_id("rent")).exists()
    page.shows("anna 30.00, bank -30.00")


def test_rights_that_were_taken_away_while_an_act_waited_bind_it(bound, controller, page):
    """It is judged by the grants of the moment at which it takes effect."""
    bound.send(f"accounts/account/{page.id('anna')}/correct/", **lines(("bank", "-1.00"), ("anna", "1.00")))
    asked = Approval.objects.filter(requested_by_id=bound.source).get()
    Grant.objects.filter(group__user=bound.user, action="credit").delete()

    controller.send(f"security/approval/{asked.pk}/decide/", decision="approved")

    (posted,) = Operation.objects.filter(book_id=page.book_id, source_id=bound.source)
    assert posted.outcome == "forbidden_account"
    page.shows("anna 30.00, bank -30.00")


def test_a_form_sent_twice_is_one_reversal(operator, page, unlimited):
    address, token = f"ledger/operation/{page.operation_id('rent')}/reverse/", str(uuid.uuid4())

    operator.send(address, token=token)
    again = operator.send(address, token=token)

    assert errors(again) == ["The operation was reversed before."]
    page.shows("anna 100.00")


def test_a_reversal_that_the_floor_forbids_is_told_and_stored_as_refused(operator, page, unlimited):
    answer = operator.send(f"ledger/operation/{page.operation_id('salary')}/reverse/")

    assert answer.url == f"/admin/ledger/operation/{page.operation_id('salary')}/change/"
    refused = Operation.objects.get(book_id=page.book_id, source_id=operator.source)
    assert refused.outcome == "below_floor"
    page.shows("anna 30.00")


def test_a_reversal_needs_a_reason(operator, page):
    answer = operator.send(f"ledger/operation/{page.operation_id('rent')}/reverse/", reason="  ")

    assert answer.context["form"].errors["reason"] == ["This field is required."]


# --- corrections -----------------------------------------------------------------------------------------------------


def test_a_correction_is_posted_once_however_often_it_is_sent(operator, page, unlimited):
    form = {**lines(("anna", "5.00"), ("bank", "-5.00"), ("", "")), "token": str(uuid.uuid4())}

    first = operator.send(f"ledger/operation/{page.operation_id('rent')}/correct/", **form)
    second = operator.send(f"ledger/operation/{page.operation_id('rent')}/correct/", **form)

    assert first.url == second.url
    page.shows("anna 35.00, bank -35.00")
    posted = Operation.objects.get(book_id=page.book_id, source_id=operator.source)
    assert posted.metadata == {"corrects": str(page.operation_id("rent"))}
    shown = operator.browser.get(first.url)
    assert "It corrects operation" in shown.content.decode()
    assert shown.context["approval"] is not None


def test_a_correction_can_count_from_another_day(operator, page, unlimited):
    form = lines(("anna", "5.00"), ("bank", "-5.00"))

    operator.send(f"accounts/account/{page.id('anna')}/correct/", **form, effective_at="2020-02-29T12:00")

    posted = Operation.objects.get(book_id=page.book_id, source_id=operator.source)
    assert posted.effective_at.isoformat() == "2020-02-29T12:00:00+00:00"


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([("anna", "5.00"), ("bank", "-4.99")], "The entries of a group operation must add up to zero for each unit."),
        ([("anna", "5.00"), ("points", "-5")], "The entries of a group operation must add up to zero for each unit."),
        ([("anna", "5.00")], "A correction has two entries or more, so that it adds up to zero."),
        ([], "An operation has at least one entry."),
        ([("nobody", "5.00"), ("bank", "-5.00")], "There is no account nobody in this book."),
        ([("anna", "5,00"), ("bank", "-5.00")], "Line 1: An amount is a decimal string"),
        ([("anna", "5.001"), ("bank", "-5.001")], "An amount has more decimals or digits"),
        ([("anna", ""), ("bank", "-5.00")], "Line 1: An amount is a decimal string"),
        ([("", "5.00"), ("bank", "-5.00")], "Line 1: This is not an account code."),
        ([("anna", "0.00"), ("bank", "0.00")], "Line 1: An amount must not be zero."),
    ],
)
def test_a_correction_that_cannot_be_is_refused_in_the_form_and_stored_nowhere(operator, page, entries, sentence):
    answer = operator.send("ledger/operation/{}/correct/".format(page.operation_id("rent")), **lines(*entries))

    assert errors(answer)[0].startswith(sentence)
    assert not Operation.objects.filter(book_id=page.book_id, source_id=operator.source).exists()
    assert not Approval.objects.filter(requested_by=operator.source).exists()


def test_without_a_threshold_a_second_person_approves_what_the_first_asked_for(operator, controller, page):
    answer = operator.send(
        f"ledger/operation/{page.operation_id('rent')}/correct/", **lines(("anna", "5.00"), ("bank", "-5.00"))
    )
    approval = Approval.objects.get(requested_by=operator.source)
    assert answer.url == f"/admin/security/approval/{approval.id}/change/"
    assert approval.amounts == {"EUR": "500"}
    assert "anna 5.00 EUR, bank -5.00 EUR" in approval.summary
    page.shows("anna 30.00")

    form = {"decision": "approved", "reason": "Seen"}
    operator.browser.post(f"/admin/security/approval/{approval.id}/decide/", form)
    page.shows("anna 30.00")
    controller.browser.post(f"/admin/security/approval/{approval.id}/decide/", form)

    page.shows("anna 35.00")
    posted = Operation.objects.get(book_id=page.book_id, source_id=operator.source)
    assert posted.credential == f"panel, approval {approval.id}"


# --- accounts --------------------------------------------------------------------------------------------------------


def test_an_account_is_frozen_opened_and_closed_with_a_reason(operator, page):
    address = f"accounts/account/{page.id('points')}/status"

    for act, status in (("freeze", "frozen"), ("unfreeze", "open"), ("close", "closed")):
        operator.send(f"{address}/{act}/", reason=f"to {act}")
        assert page.account("points").status == status

    changes = AccountChange.objects.filter(book_id=page.book_id, account_id=page.id("points")).order_by("-id")
    assert (changes[0].reason, changes[0].source_id) == ("to close", operator.source)


def test_an_account_with_a_balance_is_not_closed(operator, page):
    answer = operator.send(f"accounts/account/{page.id('anna')}/status/close/")

    assert errors(answer) == ["Only an account with a balance of zero can be closed."]
    assert page.account("anna").status == "open"


@pytest.mark.parametrize(("floor", "minor"), [("-50.00", -5000), ("0", 0), ("", None)])
def test_a_floor_is_changed_in_the_unit_s_scale(operator, page, floor, minor):
    # No floor has no amount: only a threshold for all units, left empty, lets it pass without a second person.
    threshold = ApprovalThreshold.objects.create(kind="floor", unit="", above_minor=None)

    operator.send(f"accounts/account/{page.id('bank')}/floor/", floor=floor)

    threshold.delete()
    assert Account.objects.get(book_id=page.book_id, code="bank").floor == minor


def test_a_lower_floor_waits_for_a_second_person_above_the_threshold(operator, controller, page):
    threshold = ApprovalThreshold.objects.create(kind="floor", unit="EUR", above_minor=10_000)
    address = f"accounts/account/{page.id('anna')}/floor/"

    operator.send(address, floor="-100.00")
    assert page.account("anna").floor == -10_000
    operator.send(address, floor="-200.01")
    assert page.account("anna").floor == -10_000
    approval = Approval.objects.filter(requested_by=operator.source).latest("id")
    controller.browser.post(f"/admin/security/approval/{approval.id}/decide/", {"decision": "approved", "reason": "ok"})

    threshold.delete()
    assert page.account("anna").floor == -20_001


@pytest.mark.parametrize("floor", ["1,00", "1.001", "x", "1e3"])
def test_a_floor_that_is_no_amount_is_refused_in_the_form(operator, page, floor):
    answer = operator.send(f"accounts/account/{page.id('anna')}/floor/", floor=floor)

    assert answer.context["form"].errors["floor"]


# --- who may ---------------------------------------------------------------------------------------------------------


def addresses(page: Page) -> list[str]:
    operation, account = page.operation_id("rent"), page.id("anna")
    return [
        f"ledger/operation/{operation}/reverse/",
        f"ledger/operation/{operation}/correct/",
        "ledger/operation/correct/",
        f"accounts/account/{account}/correct/",
        f"accounts/account/{account}/floor/",
        f"accounts/account/{account}/status/freeze/",
    ]


@pytest.mark.parametrize(
    ("group", "opened"),
    [("auditor", []), ("controller", []), ("operator", [0, 1, 2, 3, 4, 5]), ("administrator", [])],
)
def test_each_group_opens_what_it_may_do(page, group, opened):
    colleague = Colleague(group)

    told = [colleague.browser.get(f"/admin/{address}").status_code for address in addresses(page)]
    sent = [colleague.send(address, **lines()).status_code for address in addresses(page)]

    assert [number for number, status in enumerate(told) if status == 200] == opened
    assert {status for number, status in enumerate(sent) if number not in opened} <= {403}


def test_buttons_are_shown_to_who_may_press_them(page):
    labels = {
        group: [
            act["label"]
            for act in Colleague(group)
            .browser.get(f"/admin/accounts/account/{page.id('anna')}/change/")
            .context["acts"]
        ]
        for group in ("auditor", "operator", "administrator")
    }

    assert labels == {
        "auditor": [],
        "operator": ["Post a correction", "Change floor", "Freeze", "Close"],
        "administrator": [],
    }


def test_it_offers_accounts_while_a_code_is_typed(operator, page):
    found = operator.browser.get("/admin/accounts/account/suggest/", {"book": page.book_id, "q": "po"}).json()[
        "accounts"
    ]

    assert found == [{"code": "points", "unit": "JPY", "exponent": 0, "status": "open", "name": ""}]
    for odd in ({"book": "x"}, {"book": "9" * 30}, {"book": page.book_id, "q": "\x00"}):
        assert operator.browser.get("/admin/accounts/account/suggest/", odd).json() == {"accounts": []}
