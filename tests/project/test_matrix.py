"""The authorization matrix: every route of the service, called as everybody. A route without a declared rule fails.

Rules are data: of the API the scope that a view declares for a method; of the administration Django's permission for the model,
or a line of ADMINISTRATION; of everything else a line of ELSEWHERE. Whoever adds a route adds its rule.
"""

import re
import uuid

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client as Browser
from django.urls import URLPattern, get_resolver

from accounts.models import Account
from billing_project.staff_groups import GROUPS
from ledger.models import Operation
from security.staff_site import StaffSite
from tests.ledger.page import Page
from tests.security.actors import new_actor

ANYBODY = "anybody"
OWN_CREDENTIALS = "the client's secret"
SCOPE_OR_TOKEN = "metrics:read, or the token of the settings"
STAFF = "all staff"

ELSEWHERE = {
    "": ANYBODY,  # leads to the administration
    "oauth/token/": OWN_CREDENTIALS,
    "oauth/revoke_token/": OWN_CREDENTIALS,
    "oauth/introspect/": OWN_CREDENTIALS,
    ".well-known/oauth-authorization-server": ANYBODY,
    ".well-known/ledger-seal": ANYBODY,
    "verify_receipt.py": ANYBODY,
    "api/schema": ANYBODY,
    "api/docs": ANYBODY,
    "livez": ANYBODY,
    "readyz": ANYBODY,
    "metrics": SCOPE_OR_TOKEN,
}
# Routes of the administration beside the five of each model: who may look, by permission. `POST:` is who may do.
ADMINISTRATION = {
    "admin:index": STAFF,
    "admin:app_list": STAFF,
    "admin:password_change": STAFF,
    "admin:password_change_done": STAFF,
    "admin:search": STAFF,  # finds only pages that the person may see
    "admin_find": STAFF,  # finds only what the person may see
    "admin:own_access": STAFF,
    "admin:end_own_sessions": STAFF,
    "admin:login": ANYBODY,
    "admin:logout": ANYBODY,
    "admin:jsi18n": ANYBODY,
    "admin:autocomplete": STAFF,  # asks for the permission of the model that it completes
    "admin:view_on_site": STAFF,  # leads to a model's own page; none has one
    "admin_tile": STAFF,  # each tile names its permission
    "admin:auth_user_password_change": "auth.change_user",
    "admin:security_accessrecord_export": "security.view_accessrecord",
    "admin:security_client_rotate": "security.change_client",
    "admin:security_client_end_old_secret": "security.change_client",
    "admin:security_client_revoke_now": "security.change_client",
    "admin:security_approval_decide": "security.view_approval",  # deciding itself: security.decide_approval
    "admin:accounts_account_suggest": "accounts.view_account",
    "admin:accounts_account_export": "accounts.view_account",
    "admin:accounts_account_export_list": "accounts.view_account",
    "admin:ledger_operation_export": "ledger.view_operation",
    "admin:accounts_account_correct": "ledger.add_operation",
    "admin:accounts_account_import": "accounts.add_account",
    "admin:accounts_account_process_import": "accounts.add_account",
    "admin:accounts_unit_import": "accounts.add_unit",
    "admin:accounts_unit_process_import": "accounts.add_unit",
    "admin:security_grant_export_list": "security.view_grant",
    "admin:security_grant_import": "security.add_grant",
    "admin:security_grant_process_import": "security.add_grant",
    "admin:accounts_account_floor": "accounts.change_account",
    "admin:accounts_account_status": "accounts.change_account",
    "admin:ledger_operation_receipt": "ledger.view_operation",
    "admin:ledger_sealquarantine_acknowledge": "ledger.acknowledge_sealquarantine",
    "admin:ledger_verification_ask": "ledger.ask_verification",
    "admin:ledger_verification_progress": "ledger.view_verification",
    "admin:massops_massoperation_template": "massops.view_massoperation",
    "admin:massops_massoperation_mapping": "massops.add_massoperation",
    "admin:massops_massoperation_status": "massops.view_massoperation",
    "admin:massops_massoperation_errors": "massops.view_massoperation",
    "admin:massops_massoperation_results": "massops.view_massoperation",
    "admin:massops_massoperation_do": "massops.change_massoperation",
    "admin:ledger_operation_new": "ledger.add_operation",
    "admin:ledger_operation_correct": "ledger.add_operation",
    "admin:ledger_operation_reverse": "ledger.add_operation",
}
# Records that have a list and no page of one: nobody finds it.
NO_PAGE = {f"admin:ledger_{record}_change" for record in ("sealblock", "sealcheckpoint", "sealquarantine", "snapshot")}
ACTS_ALONE = {  # these take nothing but POST
    "admin:security_approval_decide",
    "admin:ledger_verification_ask",
    "admin:accounts_account_process_import",
    "admin:accounts_unit_process_import",
    "admin:security_grant_process_import",
}
# Their acts have addresses of their own.
PAGES_THAT_SHOW = {
    "admin:accounts_account_change",
    "admin:ledger_operation_change",
    "admin:massops_massoperation_change",
}
OF_A_MODEL = re.compile(r"admin:(\w+?)_(changelist|add|change|delete|history)")
MODEL_VERBS = {"changelist": "view", "change": "view", "history": "view", "add": "add", "delete": "delete"}
ROLES = ("nobody", "customer", "staff", *GROUPS, "root")


def walk(patterns, prefix="", space=""):
    """Every route: its address as a pattern, its name, its view."""
    for entry in patterns:
        address = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield address, space + (entry.name or ""), entry.callback
        else:
            yield from walk(entry.url_patterns, address, f"{space}{entry.namespace}:" if entry.namespace else space)


ROUTES = list(walk(get_resolver("billing_project.urls").url_patterns))
VIEWS = {address: getattr(view, "view_class", None) for address, _, view in ROUTES}
API = [(address, view) for address, view in VIEWS.items() if hasattr(view, "required_scopes")]
PANEL = [(address, name) for address, name, _ in ROUTES if address.startswith("admin/")]
OTHERS = [address for address in VIEWS if address not in dict(API) and not address.startswith("admin/")]
# What says that there is nothing.
CATCH_ALL = ("admin/(?P<url>.*)$",)


@pytest.fixture(scope="module", autouse=True)
def records():
    """One record of each kind whose pages look for it before anything else."""
    page = Page.open_new("anna EUR", "bank EUR")
    page.write(("salary", "bank -1.00, anna 1.00", "accepted"))
    operation = Operation.objects.order_by("-id").first()
    account = Account.objects.order_by("-id").first()
    OBJECTS.update({"ledger/operation": operation.id, "accounts/account": account.id})


OBJECTS = {}


def filled(address):
    """The address with something in each place: nothing that exists."""
    if address.endswith("$"):
        return "/admin/security/"
    kind = "/".join(address.split("/")[1:3])
    given = {
        "name": "nothing",
        "book": "main",
        "act": "freeze",
        "id": "0",
        "object_id": str(OBJECTS.get(kind, 0)),
        "content_type_id": "0",
    }
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda part: given.get(part[1], "1"), address)


# --- The API: scopes ------------------------------------------------------------------------------------------------


def scopes():
    return sorted(settings.OAUTH2_PROVIDER["SCOPES"])


@pytest.fixture(scope="module")
def tokens():
    return {scope: new_actor(name="narrow", scopes=scope).token() for scope in scopes()}


@pytest.mark.parametrize(("address", "view"), API, ids=[address for address, _ in API])
def test_a_call_is_open_to_its_scope_alone(address, view, tokens):
    known = {method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if hasattr(view, method.lower())}
    declared = view.required_scopes
    assert set(declared) == known, f"{address}: a method without a declared scope, or a scope without a method"
    assert set(declared.values()) <= set(scopes())

    for method, needed in declared.items():
        assert call(method, address, None).status_code == 401
        assert call(method, address, "no-token-of-ours").status_code == 401
        for scope, token in tokens.items():
            status = call(method, address, token).status_code
            if scope == needed:
                assert status not in {401, 403}, f"{method} {address} with {scope}"
            else:
                assert status == 403, f"{method} {address} with {scope}"


def call(method, address, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Browser().generic(method, filled(address), b"{", content_type="application/json", headers=headers)


# --- The administration: permissions ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people():
    made = {"nobody": (Browser(), None)}
    for role in ROLES[1:]:
        user = get_user_model().objects.create_user(
            f"{role}-{uuid.uuid4().hex[:8]}", is_staff=role != "customer", is_superuser=role == "root"
        )
        if role in GROUPS:
            user.groups.set(Group.objects.filter(name=role))
        browser = Browser(raise_request_exception=True)
        browser.force_login(user)
        made[role] = (browser, user)
    return made


def rule_of(name):
    """The permission that a route of the administration asks for."""
    if name in ADMINISTRATION:
        return ADMINISTRATION[name]
    match = OF_A_MODEL.fullmatch(name)
    if match is None:
        return None
    return next(
        (
            f"{model._meta.app_label}.{MODEL_VERBS[match[2]]}_{model._meta.model_name}"
            for model in admin.site._registry
            if f"{model._meta.app_label}_{model._meta.model_name}" == match[1]
        ),
        None,
    )


@pytest.mark.parametrize(("address", "name"), PANEL, ids=[address for address, _ in PANEL])
def test_a_page_is_open_to_its_permission_alone(address, name, people):
    if address in CATCH_ALL or (name == "admin:" and address.endswith("<path:object_id>/")):
        return  # leads to another address, which has its rule
    rule = rule_of(name)
    assert rule is not None, f"{name} ({address}) has no declared rule"

    for role, (browser, user) in people.items():
        response = browser.get(filled(address))
        to_login = response.status_code == 302 and "/admin/login/" in response["Location"]
        if rule == ANYBODY:
            assert response.status_code in {200, 302, 405}
        elif user is None or not user.is_staff:
            assert to_login or response.status_code == 403, (role, name)
        elif rule == STAFF:
            assert not to_login, (role, name)
        elif user.has_perm(rule):
            assert not to_login, (role, name)
            if not forbids(name):
                assert response.status_code != 403, (role, name, rule)
        else:
            assert response.status_code in refused(name), (role, name, rule, response.status_code)


@pytest.mark.parametrize(("address", "name"), PANEL, ids=[address for address, _ in PANEL])
def test_nobody_does_by_post_what_they_may_not(address, name, people):
    rule = rule_of(name)
    if address in CATCH_ALL or rule in {None, ANYBODY, STAFF}:
        return
    if name.endswith("_change") and name not in PAGES_THAT_SHOW:
        rule = rule.replace(".view_", ".change_")
    for role, (browser, user) in people.items():
        if user is None or not user.is_staff:
            response = browser.post(filled(address), {"action": "delete_selected"})
            assert response.status_code == 302, (role, name)
            assert "/admin/login/" in response["Location"]
        elif not user.has_perm(rule):
            response = browser.post(filled(address), {"action": "delete_selected"})
            assert response.status_code in refused(name) | {405}, (role, name, rule, response.status_code)


def refused(name):
    """How a page refuses. The history of a record that is not there leads back, whoever asks."""
    if name.endswith("_history"):
        return {403, 302}
    if name in NO_PAGE:
        return {404}
    if name in ACTS_ALONE:
        return {403, 405}
    # It looks for the record first: one that is not there is not there, whoever asks.
    return {403, 404} if name == "admin:massops_massoperation_do" else {403}


def forbids(name):
    """Whether a page is closed to everybody, whatever the permission: nothing is added or deleted there."""
    return name.endswith(("_add", "_delete"))


def test_forms_of_the_administration_need_the_token_of_their_page(people):
    _, root = people["root"]
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(root)

    for address in ("/admin/accounts/unit/add/", "/admin/access/sessions/end/", "/admin/security/approval/1/decide/"):
        assert browser.post(address, {}).status_code == 403


# --- Everything else ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", OTHERS)
def test_every_other_route_has_its_rule(address):
    rule = ELSEWHERE.get(address)
    assert rule is not None, f"{address} has no declared rule"

    response = Browser().get(filled(address))
    if rule == ANYBODY:
        assert response.status_code in {200, 302}
    elif rule == SCOPE_OR_TOKEN:
        assert Browser(REMOTE_ADDR="192.0.2.1").get(filled(address)).status_code == 401
    else:
        form = {"grant_type": "client_credentials", "token": "x"}
        answer = Browser().post(filled(address), form, content_type="application/x-www-form-urlencoded")
        assert response.status_code == 405
        assert answer.status_code in {400, 401}


def test_no_rule_is_for_a_route_that_is_not_there():
    names = {name for _, name in PANEL}

    assert not ADMINISTRATION.keys() - names
    assert not ELSEWHERE.keys() - set(OTHERS)


def test_the_administration_is_the_one_with_the_second_factor():
    assert isinstance(admin.site._wrapped if hasattr(admin.site, "_wrapped") else admin.site, StaffSite)


def test_a_route_without_a_rule_is_found():
    assert rule_of("admin:something_new") is None
    assert ELSEWHERE.get("api/v2/anything") is None
