"""The log-in of staff: password and code, lock-out, sessions, and what each group may do."""

import hashlib

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client as Browser

from billing_project.staff_groups import GROUPS
from security.limits import LOGIN_FAILURES_LIMIT
from security.second_factor import has_authenticator
from security.sessions import SessionStore, digest_of
from security.staff_models import Authenticator, StaffSession
from security.tasks import clear_expired_sessions
from tests.security.staff import PASSWORD, Person


@pytest.fixture(autouse=True)
def whole_service(settings):
    """The pages name routes of the whole service."""
    settings.ROOT_URLCONF = "billing_project.urls"


def test_a_password_is_enough_where_no_second_factor_is_required():
    anna = Person("anna", "auditor")

    assert anna.log_in().status_code == 302
    assert anna.is_in()


def test_who_opens_the_log_in_itself_comes_to_the_first_page():
    anna = Person("anna")

    answer = anna.browser.post("/admin/login/", {"username": anna.name, "password": PASSWORD, "code": ""})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_who_has_an_authenticator_needs_its_code_everywhere():
    anna = Person("anna", "auditor")
    codes = anna.enrol()

    for code in ("", "000000", "nonsense"):
        refused = anna.log_in(code)
        assert refused.status_code == 200
        assert "do not fit together" in refused.content.decode()
        assert not anna.is_in()
        Authenticator.objects.filter(user=anna.user).update(throttling_failure_count=0)
    assert anna.log_in(anna.code()).status_code == 302
    assert anna.is_in()

    other = Person("anna2", "auditor")
    other.user, other.browser = anna.user, Browser()
    assert other.log_in(codes[0]).status_code == 302
    assert other.is_in()


def test_a_wrong_password_and_a_wrong_code_read_the_same():
    anna = Person("anna")
    anna.enrol()

    wrong_password = anna.log_in(anna.code(), password="x").context["form"].errors
    wrong_code = anna.log_in("000000").context["form"].errors

    assert wrong_password == wrong_code


def test_where_it_is_required_the_first_log_in_leads_to_the_set_up_and_nowhere_else(settings):
    settings.SECOND_FACTOR_REQUIRED = True
    anna = Person("anna", "auditor")
    anna.log_in()

    assert not anna.is_in()
    assert anna.browser.get("/admin/ledger/operation/").status_code == 302
    led = anna.browser.get("/admin/", follow=True)
    assert led.redirect_chain[-1][0] == "/admin/access/"
    assert led["Cache-Control"] == "no-store"
    anna.key = led.context["key"]
    assert "data:image/svg+xml" in led.content.decode()

    shown = anna.browser.post("/admin/access/", {"code": anna.code()})

    assert len(shown.context["codes"]) == 10
    assert anna.is_in()
    again = anna.browser.get("/admin/access/").content.decode()
    assert not [code for code in shown.context["codes"] if code in again]
    assert anna.key not in again


def test_a_wrong_code_does_not_end_the_set_up(settings):
    settings.SECOND_FACTOR_REQUIRED = True
    anna = Person("anna")
    anna.log_in()
    anna.key = anna.browser.get("/admin/access/").context["key"]

    page = anna.browser.post("/admin/access/", {"code": "000000"})

    assert "The code is wrong" in page.content.decode()
    assert not has_authenticator(user_id=anna.user.pk)
    assert not anna.is_in()


def test_setting_it_up_ends_the_other_sessions():
    anna, elsewhere = Person("anna"), Browser()
    anna.log_in()
    elsewhere.post("/admin/login/", {"username": anna.name, "password": PASSWORD, "next": "/admin/"})
    anna.key = anna.browser.get("/admin/access/").context["key"]

    anna.browser.post("/admin/access/", {"code": anna.code()})

    assert anna.is_in()
    assert elsewhere.get("/admin/").status_code == 302


def test_without_the_code_nobody_replaces_an_authenticator_in_an_older_session():
    anna, elsewhere = Person("anna"), Browser()
    elsewhere.post("/admin/login/", {"username": anna.name, "password": PASSWORD, "next": "/admin/"})
    anna.enrol()

    for address in ("/admin/access/", "/admin/access/?new=1", "/admin/", "/admin/ledger/operation/"):
        assert elsewhere.get(address).status_code == 302
    assert elsewhere.post("/admin/access/?new=1", {"code": "000000"}).status_code == 302
    assert Authenticator.objects.filter(user=anna.user).count() == 1


def test_after_too_many_failures_the_log_in_is_locked_for_this_address_only():
    anna = Person("anna", address="192.0.2.7")
    for _ in range(LOGIN_FAILURES_LIMIT):
        anna.log_in(password="wrong")

    locked = anna.log_in()
    assert locked.status_code == 429
    assert "Too many failed log-ins" in locked.content.decode()

    anna.browser = Browser(REMOTE_ADDR="192.0.2.8")
    assert anna.log_in().status_code == 302


def test_wrong_codes_lock_the_log_in_too():
    anna = Person("anna", address="192.0.2.9")
    anna.enrol()
    for _ in range(LOGIN_FAILURES_LIMIT):
        anna.log_in("000000")

    assert anna.log_in(anna.code()).status_code == 429


def test_an_administrator_unlocks():
    anna, root = Person("anna", address="192.0.2.11"), Person("root", superuser=True)
    for _ in range(LOGIN_FAILURES_LIMIT):
        anna.log_in(password="wrong")
    root.log_in()

    act(root, "unlock", anna)

    assert anna.log_in().status_code == 302


def act(person, action, *targets):
    form = {"action": action, "_selected_action": [target.user.pk for target in targets]}
    return person.browser.post("/admin/auth/user/", form, follow=True)


def test_the_table_of_sessions_lets_nobody_in():
    anna = Person("anna")
    anna.log_in()
    key = anna.browser.cookies["sessionid"].value

    row = StaffSession.objects.get(user=anna.user)

    assert row.session_key == hashlib.sha256(key.encode()).hexdigest()
    assert row.address == "192.0.2.1"
    thief = Browser()
    thief.cookies["sessionid"] = row.session_key[:32]
    assert thief.get("/admin/").status_code == 302
    thief.cookies["sessionid"] = row.session_key
    assert thief.get("/admin/").status_code == 302


def test_a_person_sees_and_ends_the_other_sessions():
    anna, elsewhere = Person("anna"), Browser(HTTP_USER_AGENT="Old Phone")
    anna.log_in()
    elsewhere.post("/admin/login/", {"username": anna.name, "password": PASSWORD, "next": "/admin/"})
    page = anna.browser.get("/admin/access/").content.decode()
    assert "Old Phone" in page
    assert "this one" in page

    anna.browser.post("/admin/access/sessions/end/")

    assert elsewhere.get("/admin/").status_code == 302
    assert anna.is_in()


def test_an_administrator_ends_all_sessions_of_a_person():
    anna, root = Person("anna"), Person("root", superuser=True)
    anna.log_in()
    root.log_in()

    act(root, "end_all_sessions", anna)

    assert not anna.is_in()
    assert root.is_in()


def test_an_administrator_helps_who_lost_everything_but_not_himself():
    anna, root = Person("anna"), Person("root", superuser=True)
    anna.enrol()
    root.log_in()

    act(root, "forget_second_factor", anna, root)

    assert not has_authenticator(user_id=anna.user.pk)
    assert anna.log_in().status_code == 302


def test_a_session_ends_with_logging_out():
    anna = Person("anna")
    anna.log_in()

    anna.browser.post("/admin/logout/")

    assert not StaffSession.objects.filter(user=anna.user).exists()
    assert not anna.is_in()


def test_expired_sessions_are_cleared():
    store = SessionStore()
    store.set_expiry(-1)
    store["a"] = 1
    store.save()

    clear_expired_sessions()

    assert not StaffSession.objects.filter(session_key=digest_of(store.session_key)).exists()


@pytest.mark.parametrize("password", ["short-one", "123456789012", "annabella-weber1"])
def test_weak_passwords_are_refused(password):
    with pytest.raises(ValidationError):
        validate_password(password, get_user_model()(username="annabella-weber"))


def test_there_are_four_groups():
    assert set(Group.objects.values_list("name", flat=True)) >= {"auditor", "operator", "controller", "administrator"}


def test_an_auditor_reads_all_and_changes_nothing():
    permissions = Group.objects.get(name="auditor").permissions.values_list("codename", flat=True)

    assert {"view_operation", "view_entry", "view_account", "view_client", "view_approval", "view_user"} <= {
        *permissions
    }
    assert {codename for codename in permissions if not codename.startswith("view_")} == {"ask_verification"}


def test_only_a_controller_approves():
    holders = Group.objects.filter(permissions__codename="decide_approval").values_list("name", flat=True)

    assert set(holders) & set(GROUPS) == {"controller"}


def test_no_group_sees_the_second_factor_of_others():
    codenames = Group.objects.filter(name__in=GROUPS).values_list("permissions__codename", flat=True)

    assert not [codename for codename in codenames if codename and codename.endswith(("authenticator", "recoverycode"))]


def test_who_administers_people_does_not_become_a_superuser():
    ada, root = Person("ada", "administrator"), Person("root", superuser=True)
    ada.log_in()
    address = f"/admin/auth/user/{ada.user.pk}/change/"
    rights = {
        "is_superuser": "on",
        "is_staff": "on",
        "is_active": "on",
        "groups": Group.objects.get(name="controller").pk,
    }

    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    answer = ada.browser.post(address, {"username": ada.name, **joined, **rights})

    ada.user.refresh_from_db()
    assert answer.status_code == 302
    assert not ada.user.is_superuser
    assert list(ada.user.groups.values_list("name", flat=True)) == ["administrator"]
    assert ada.browser.post(f"/admin/auth/user/{root.user.pk}/change/", {"username": "x"}).status_code == 403
    assert ada.browser.get(f"/admin/auth/user/{root.user.pk}/password/").status_code == 403
    act(ada, "forget_second_factor", root)
    root.user.refresh_from_db()
    assert root.user.is_superuser
