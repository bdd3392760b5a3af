"""Who may call what: each call needs its one scope, and a token carries no scope that its client may not have."""

from datetime import timedelta

import pytest
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from security.authentication import CREDENTIALS
from security.clients import Terms, change_client, revoke_client
from tests.api.calls import Api, adds, refusal
from tests.api.declared import document
from tests.security.actors import new_actor

SCOPES = ["accounts:read", "accounts:write", "operations:read", "operations:write", "mass:read", "mass:write"]
CALLS = [
    ("GET", "/accounts", "accounts:read"),
    ("POST", "/accounts", "accounts:write"),
    ("POST", "/accounts/batch", "accounts:write"),
    ("GET", "/accounts/cash", "accounts:read"),
    ("PATCH", "/accounts/cash", "accounts:write"),
    ("GET", "/accounts/cash/balance", "accounts:read"),
    ("GET", "/accounts/cash/entries", "accounts:read"),
    ("GET", "/operations", "operations:read"),
    ("POST", "/operations", "operations:write"),
    ("GET", "/operations/1", "operations:read"),
    ("GET", "/operations/1/lineage", "operations:read"),
    ("GET", "/operations/1/receipt", "operations:read"),
    ("POST", "/operations/1/reversal", "operations:write"),
    ("GET", "/seals", "operations:read"),
    ("GET", "/seals/latest", "operations:read"),
    ("GET", "/consistency", "operations:read"),
    ("GET", "/entries/1", "operations:read"),
    ("GET", "/messages", "operations:read"),
    ("POST", "/batches", "operations:write"),
    ("GET", "/mass-operations", "mass:read"),
    ("POST", "/mass-operations", "mass:write"),
    ("GET", "/mass-operations/template.csv", "mass:read"),
    ("GET", "/mass-operations/mappings", "mass:read"),
    ("POST", "/mass-operations/mappings", "mass:write"),
    ("GET", "/mass-operations/mappings/bank", "mass:read"),
    ("GET", "/mass-operations/1", "mass:read"),
    ("GET", "/mass-operations/1/errors.csv", "mass:read"),
    ("GET", "/mass-operations/1/results.csv", "mass:read"),
    ("POST", "/mass-operations/1/check", "mass:write"),
    ("POST", "/mass-operations/1/decision", "mass:write"),
    ("POST", "/mass-operations/1/pause", "mass:write"),
    ("POST", "/mass-operations/1/resume", "mass:write"),
    ("POST", "/mass-operations/1/cancel", "mass:write"),
    ("POST", "/mass-operations/1/reversal", "mass:write"),
]


@pytest.fixture(scope="module")
def tokens(token_with):
    return {scope: token_with(scope) for scope in SCOPES}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(("method", "path", "needed"), CALLS)
def test_a_call_is_open_to_its_scope_and_to_no_other(shared_api, tokens, method, path, needed, scope):
    narrow = Api(tokens[scope], shared_api.book)

    with adds(shared_api):
        response = narrow.call(method, path, {} if method in {"POST", "PATCH"} else None)

    if scope == needed:
        assert response.status_code not in {401, 403}
    else:
        assert refusal(response) == (403, "insufficient_scope")
        assert response["WWW-Authenticate"] == f'Bearer realm="billing", error="insufficient_scope", scope="{needed}"'
        assert needed in response.json()["detail"]


def test_every_call_stands_in_the_table_above(shared_api):
    declared = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, item in document()["paths"].items()
        for method in item
        if path.startswith("/api/v1") and "/books/" not in path
    }
    filled = {
        ("{code}", "cash"),
        ("{mass_operation}", "1"),
        ("{mapping}", "bank"),
        ("{operation}", "1"),
        ("{entry}", "1"),
    }
    for name, value in filled:
        declared = {(method, path.replace(name, value)) for method, path in declared}

    assert declared == {(method, path) for method, path, _ in CALLS}


@pytest.mark.parametrize(("method", "path", "needed"), CALLS)
def test_a_call_without_a_token_is_refused_before_anything_else(shared_api, method, path, needed):
    nobody = Api(None, shared_api.book)

    for address in (path, "/api/v1/books/nowhere/accounts"):
        response = nobody.call(method, address, b"{", nonsense="1")
        if address == path:
            assert refusal(response) == (401, "not_authenticated")
            assert response["WWW-Authenticate"] == 'Bearer realm="billing"'


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Bearer", "invalid_token"),
        ("Bearer ", "invalid_token"),
        ("Bearer unknown", "invalid_token"),
        ("bearer unknown", "invalid_token"),
        ("Bearer a b", "invalid_token"),
        ("Bearer é", "invalid_token"),
        ("Bearer \0", "invalid_token"),
        ("Bearer " + "a" * 10_000, "invalid_token"),
        ("Basic YTpi", "not_authenticated"),
        ("", "not_authenticated"),
        ("token", "not_authenticated"),
    ],
)
def test_what_is_no_token_is_told_so(shared_api, header, code):
    with adds(shared_api):
        response = Api(None, shared_api.book).call("GET", "/accounts", headers={"Authorization": header})

    assert refusal(response) == (401, code)
    assert ('error="invalid_token"' in response["WWW-Authenticate"]) == (code == "invalid_token")


def test_a_token_ends_with_its_time_its_client_and_its_scope(shared_api):
    actor = new_actor(name="brief", scopes="accounts:read operations:read")
    narrow = Api(actor.token(), shared_api.book)
    assert narrow.get("/accounts").status_code == narrow.get("/operations").status_code == 200

    change_client(client_id=actor.client_id, name=actor.name, scopes=["operations:read"])
    assert refusal(narrow.get("/accounts")) == (403, "insufficient_scope")

    get_access_token_model().objects.filter(application__client_id=actor.client_id).update(
        expires=timezone.now() - timedelta(seconds=1)
    )
    CREDENTIALS.clear()
    assert refusal(narrow.get("/operations")) == (401, "invalid_token")

    other = Api(actor.token(), shared_api.book)
    revoke_client(client_id=actor.client_id, now=timezone.now())
    assert refusal(other.get("/operations")) == (401, "invalid_token")


def test_a_client_gets_no_scope_that_it_was_not_allowed(shared_api):
    actor = new_actor(name="modest", scopes="accounts:read")

    assert actor.post("/oauth/token/", grant_type="client_credentials", scope="operations:write").status_code == 400
    assert refusal(Api(actor.token(), shared_api.book).operate(("cash", "1"))) == (403, "insufficient_scope")


def test_a_key_belongs_to_its_client(api, token_with):
    other = Api(token_with(" ".join(SCOPES)), api.book)

    mine, theirs = api.operate(("cash", "1"), key="same"), other.operate(("cash", "2"), key="same")

    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["source"] != theirs.json()["source"]
    assert [o["id"] for o in api.get("/operations", key="same").json()["results"]] == [mine.json()["id"]]
    assert api.balance("cash") == "3.00"


def test_a_book_that_a_client_may_not_use_is_unknown_to_it(api, empty_api):
    actor = new_actor(name="bookkeeper", scopes=" ".join(SCOPES))
    token = actor.token()
    change_client(client_id=actor.client_id, name=actor.name, scopes=SCOPES, terms=Terms(allowed_books=api.book))

    own, other, absent = Api(token, api.book), Api(token, empty_api.book), Api(token, "nowhere")

    assert own.get("/accounts").status_code == 200
    assert refusal(other.get("/accounts")) == refusal(absent.get("/accounts")) == (404, "book_unknown")
    assert other.operate(("cash", "1")).json()["code"] == "book_unknown"
