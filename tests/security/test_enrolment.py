"""A first second factor is set up with a code that an administrator handed over; a password alone shows no key."""

import base64
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_otp.oath import totp

from security import enrolment
from security.limits import ENROLMENT_HOURS
from security.second_factor import CodeRefused, has_authenticator, remove
from security.staff_models import Authenticator, EnrolmentCode
from tests.security.staff import Person

ACCESS = "/admin/access/"


@pytest.fixture(autouse=True)
def production(settings):
    """Where both are required."""
    settings.ROOT_URLCONF = "billing_project.urls"
    settings.SECOND_FACTOR_REQUIRED = settings.ENROLMENT_CODE_REQUIRED = True


@pytest.fixture
def ada():
    """An administrator with an authenticator."""
    ada = Person("ada", "administrator")
    ada.enrol()
    ada.log_in(ada.code())
    return ada


@pytest.fixture
def anna():
    """A person without one, logged in by password."""
    anna = Person("anna", "auditor")
    anna.log_in()
    return anna


def ask_for_code(ada, *people):
    form = {"action": "make_enrolment_code", "_selected_action": [person.user.pk for person in people]}
    return ada.browser.post("/admin/auth/user/", form, follow=True)


def set_up(person):
    """Go on with the key that the page shows, if it shows one."""
    page = person.browser.get(ACCESS)
    if "key" not in page.context:
        return page
    return person.browser.post(ACCESS, {"code": f"{totp(base64.b32decode(page.context['key'])):06}"})


def test_a_password_alone_shows_no_key_and_begins_nothing(anna):
    page = anna.browser.get(ACCESS)
    guessed = anna.browser.post(ACCESS, {"code": "123456", "enrolment_code": "guess"})

    assert "Enrolment code" in page.content.decode()
    assert "key" not in page.context
    assert "This is not your enrolment code" in guessed.content.decode()
    assert not Authenticator.objects.filter(user=anna.user).exists()
    assert not anna.is_in()


def test_without_the_setting_the_password_is_enough(anna, settings):
    """The control: this is what the code is there against."""
    settings.ENROLMENT_CODE_REQUIRED = False

    assert set_up(anna).status_code == 200

    assert has_authenticator(user_id=anna.user.pk)


def test_a_code_from_an_administrator_leads_to_the_set_up(ada, anna):
    answer = ask_for_code(ada, anna)
    code = answer.context["code"]
    assert "no-store" in answer["Cache-Control"]
    assert answer.content.decode().count(code) == 1

    shown = anna.browser.post(ACCESS, {"enrolment_code": code.upper().replace("-", " ")})
    done = set_up(anna)

    assert shown.status_code == 302
    assert len(done.context["codes"]) == 10
    assert anna.is_in()
    assert not EnrolmentCode.objects.filter(user=anna.user).exists()


def test_who_knows_the_password_gets_nothing_from_the_code_in_another_browser(ada, anna):
    code = ask_for_code(ada, anna).context["code"]
    thief = Person("thief")
    thief.user = anna.user
    thief.log_in()

    anna.browser.post(ACCESS, {"enrolment_code": code})

    assert "key" not in thief.browser.get(ACCESS).context
    set_up(thief)
    assert not has_authenticator(user_id=anna.user.pk)


def test_a_set_up_that_somebody_began_without_the_code_is_forgotten(ada, anna, settings):
    settings.ENROLMENT_CODE_REQUIRED = False
    seen = anna.browser.get(ACCESS).context["key"]
    settings.ENROLMENT_CODE_REQUIRED = True
    code = ask_for_code(ada, anna).context["code"]

    anna.browser.post(ACCESS, {"enrolment_code": code})

    assert anna.browser.get(ACCESS).context["key"] != seen


def test_a_code_is_for_one_person_once_and_for_a_while(ada, anna):
    bert = Person("bert", "auditor")
    now = timezone.now()
    first = enrolment.new_enrolment_code(user_id=anna.user.pk, now=now)
    second = enrolment.new_enrolment_code(user_id=anna.user.pk, now=now)

    for user, code, moment in (
        (bert, second, now),
        (anna, first, now),
        (anna, second, now + timedelta(hours=ENROLMENT_HOURS)),
        (anna, "", now),
    ):
        with pytest.raises(CodeRefused):
            enrolment.shown(user_id=user.user.pk, code=code, now=moment)
    assert enrolment.shown(user_id=anna.user.pk, code=second, now=now)


def test_a_code_that_ended_after_it_was_shown_leads_nowhere(ada, anna):
    code = ask_for_code(ada, anna).context["code"]
    anna.browser.post(ACCESS, {"enrolment_code": code})
    EnrolmentCode.objects.filter(user=anna.user).update(expires_at=timezone.now())

    set_up(anna)

    assert not has_authenticator(user_id=anna.user.pk)


def test_a_code_is_not_stored_in_clear(ada, anna):
    code = ask_for_code(ada, anna).context["code"]

    assert code.replace("-", "") not in repr(EnrolmentCode.objects.filter(user=anna.user).values())


def test_nobody_makes_a_code_for_themselves_for_several_or_for_who_has_an_authenticator(ada, anna):
    bert = Person("bert", "auditor")
    bert.enrol()

    for people in ((ada,), (anna, bert), (bert,)):
        answer = ask_for_code(ada, *people)
        assert "Choose one person" in str(next(iter(answer.context["messages"])))
    assert not EnrolmentCode.objects.filter(user__in=[person.user for person in (ada, anna, bert)]).exists()


def test_an_administrator_makes_none_for_a_superuser_and_an_auditor_makes_none_at_all(ada, anna):
    root, rita = Person("root", superuser=True), Person("rita", "auditor")
    rita.enrol()
    rita.log_in(rita.code())

    ask_for_code(ada, root)
    ask_for_code(rita, anna)

    assert not EnrolmentCode.objects.filter(user__in=[root.user, anna.user]).exists()


def test_who_has_an_authenticator_sets_up_another_without_a_code(ada):
    page = ada.browser.get(f"{ACCESS}?new=1")

    assert page.context["key"]


def test_who_lost_everything_needs_a_new_code(ada):
    remove(user_id=ada.user.pk)
    fresh = Person("fresh")
    fresh.user = ada.user
    fresh.log_in()

    assert "key" not in fresh.browser.get(ACCESS).context


def test_the_first_administrator_gets_a_code_on_the_command_line(anna, capsys):
    call_command("enrolment_code", anna.name)
    code = capsys.readouterr().out.strip()

    assert anna.browser.post(ACCESS, {"enrolment_code": code}).status_code == 302
    set_up(anna)
    assert has_authenticator(user_id=anna.user.pk)
    with pytest.raises(CommandError, match="has an authenticator"):
        call_command("enrolment_code", anna.name)
    with pytest.raises(CommandError, match="There is no person"):
        call_command("enrolment_code", "no-such-person")
