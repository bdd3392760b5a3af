"""The declared schema: complete, valid, and true of the examples it gives."""

import io
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.test import Client as Browser
from openapi_spec_validator import OpenAPIV31SpecValidator

from accounts.models import Book
from billing_project.private_urls import urlpatterns as private_routes
from ledger.api.urls import urlpatterns
from massops.api.urls import urlpatterns as mass_routes
from security.scopes import known_scopes
from security.urls import urlpatterns as security_routes
from tests.api import declared
from tests.ledger.page import Page
from tests.security.actors import new_actor, post_form

# The order in which the examples tell their story: accounts first, then what happens on them.
STORY = ["open_account", "open_accounts", "post_operation", "post_batch", "reverse_operation", "change_account"]
METHODS = {"get", "post", "patch", "put", "delete"}


MASS = "/mass-operations"  # files instead of JSON, and a story of its own: tests/massops/test_api.py


def operations(*, without=None):
    return [
        (method.upper(), path, operation)
        for path, item in declared.document()["paths"].items()
        if path.startswith("/api/")
        for method, operation in item.items()
        if method in METHODS and (without is None or without not in path)
    ]


def test_it_is_made_without_a_warning():
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_it_is_valid_openapi_3_1():
    document = declared.document()

    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_it_declares_every_route_at_both_addresses():
    paths = {path for path in declared.document()["paths"] if path.startswith("/api/")}
    patterns = [*urlpatterns, *mass_routes]
    routes = {str(route.pattern).replace("<str:", "{").replace(">", "}") for route in patterns}

    private = {f"/api/private/v1/{route.pattern}" for route in private_routes}
    assert paths == private | {f"/api/v1/{route}" for route in routes} | {
        f"/api/v1/books/{{book}}/{route}" for route in routes
    }


def test_it_gives_every_call_a_name_of_its_own():
    names = [operation["operationId"] for _, path, operation in operations() if "/private/" not in path]

    assert len(names) == len(set(names))
    assert {name for name in names if not name.endswith("_in_book")} == {
        name.removesuffix("_in_book") for name in names if name.endswith("_in_book")
    }


def test_it_names_one_scope_for_every_call_and_where_to_get_a_token():
    scheme = declared.document()["components"]["securitySchemes"]["OAuth2"]
    flow = scheme["flows"]["clientCredentials"]

    assert (flow["tokenUrl"], flow["scopes"]) == ("/oauth/token/", known_scopes())
    for method, path, operation in operations():
        ((scope,),) = operation["security"][0].values()
        assert scope in known_scopes(), path
        assert scope.endswith(":read" if method == "GET" else ":write"), path


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 503])
def test_it_describes_the_errors_of_every_call_as_problems(status):
    for method, path, operation in operations():
        response = operation["responses"][str(status)]
        assert response["description"], (method, path)
        ((kind, content),) = response["content"].items()
        assert kind == "application/problem+json"
        assert content["schema"]["allOf"][1]["properties"]["code"]["enum"], (method, path)


def test_it_describes_what_a_body_can_do_wrong():
    for method, path, operation in operations():
        has_body = "requestBody" in operation
        assert has_body == (method in {"POST", "PATCH"}), path
        assert {"413", "415"} <= operation["responses"].keys() or not has_body, path


def test_it_declares_the_key_and_the_mark_of_a_replay():
    posting = [
        o
        for _, path, o in operations(without=MASS)
        if "requestBody" in o and path.endswith(("/operations", "/reversal"))
    ]

    assert len(posting) == 4
    for operation in posting:
        keys = [p for p in operation["parameters"] if p["name"] == "Idempotency-Key"]
        assert [(key["in"], key["required"], key["schema"]["maxLength"]) for key in keys] == [("header", True, 255)]
        assert "Idempotent-Replayed" in operation["responses"]["201"]["headers"]
        assert "Idempotent-Replayed" in operation["responses"]["422"]["headers"]


def test_it_closes_requests_against_unknown_members():
    for _, path, operation in operations():
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            schema = declared.document()["components"]["schemas"][reference.rpartition("/")[2]]
            assert schema["additionalProperties"] is False, path


def test_it_gives_examples_that_fit_what_they_are_examples_of():
    seen = 0
    for _, path, operation in operations():
        parts = [*operation["responses"].values(), operation.get("requestBody", {})]
        for part in parts:
            for content in part.get("content", {}).values():
                for name, example in content.get("examples", {}).items():
                    errors = list(declared.validator(content["schema"]).iter_errors(example["value"]))
                    assert not errors, (path, name, errors)
                    seen += 1
    assert seen > 60


def test_it_gives_an_example_of_every_success_with_a_body():
    for _, path, operation in operations():
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                assert all(content["examples"] for content in response["content"].values()), (path, status)


def test_every_request_example_works(live, api):
    told, operation_id = 0, ""
    by_name = {
        operation["operationId"]: (method, path, operation) for method, path, operation in operations(without=MASS)
    }

    for name in STORY:
        method, template, operation = by_name[f"{name}_in_book"]
        for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
            path = address(template, api.book, operation_id)
            headers = {"Idempotency-Key": f"example-{told}"}
            response = live.request(method, path, json=example["value"], headers=headers)
            assert response.is_success, (name, example, response.text)
            declared.check(method, path, response.status_code, response.headers["Content-Type"], response.json())
            assert "refused" not in response.text or name == "open_accounts", response.text
            if name == "post_operation":
                operation_id = response.json()["id"]
            told += 1

    assert {name.removesuffix("_in_book") for name, (_, _, o) in by_name.items() if "requestBody" in o} == set(STORY)
    assert told >= 10


def test_every_call_that_reads_works_as_declared(live, api):
    api.open("user:42:wallet")
    operation = api.operate(("user:42:wallet", "1"), key="example").json()
    Page(Book.objects.get(name=api.book).id, 0).seal()

    for method, template, declaration in operations(without=MASS):
        if method == "GET" and "{book}" in template:
            path = address(template, api.book, operation["id"], entry=operation["entries"][0]["id"])
            query = {
                p["name"]: "1" if "[0-9]" in p["schema"].get("pattern", "") else "example"
                for p in declaration["parameters"]
                if p["in"] == "query" and p.get("required")
            }
            response = live.get(path, params=query)
            assert response.status_code == 200, (path, response.text)
            declared.check(method, path, response.status_code, response.headers["Content-Type"], response.json())


def address(template, book, operation_id, entry=""):
    return template.format(book=book, code=quote("user:42:wallet"), operation=operation_id, entry=entry)


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("*/*", 200, "application/vnd.oai.openapi+json"),
        ("application/json", 200, "application/json"),
        ("application/vnd.oai.openapi+json", 200, "application/vnd.oai.openapi+json"),
        ("image/png", 406, "application/problem+json"),
    ],
)
def test_it_is_served_to_everybody_as_json(accept, status, kind):
    response = Browser().get("/api/schema", headers={"Accept": accept})

    assert (response.status_code, response.headers["Content-Type"].partition(";")[0]) == (status, kind)


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs"])
def test_it_is_read_only(path):
    response = Browser().post(path)

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_it_describes_the_endpoints_of_oauth():
    paths = {path: item for path, item in declared.document()["paths"].items() if not path.startswith("/api/")}
    names = [operation["operationId"] for item in paths.values() for operation in item.values()]

    assert set(paths) == {f"/{route.pattern}" for route in security_routes}
    assert names == ["get_token", "revoke_token", "introspect_token", "authorization_server_metadata"]


def test_the_endpoints_of_oauth_answer_as_declared():
    actor = new_actor(name="schema", scopes="accounts:read")
    paths, token = declared.document()["paths"], actor.token()
    answers = {
        "/oauth/token/": [
            (200, actor.post("/oauth/token/", grant_type="client_credentials")),
            (400, actor.post("/oauth/token/", grant_type="password")),
            (401, post_form("/oauth/token/", {"grant_type": "client_credentials"})),
        ],
        "/oauth/introspect/": [
            (200, actor.post("/oauth/introspect/", token=token)),
            (200, actor.post("/oauth/introspect/", token="unknown")),
            (400, actor.post("/oauth/introspect/")),
        ],
        "/.well-known/oauth-authorization-server": [(200, Browser().get("/.well-known/oauth-authorization-server"))],
        "/oauth/revoke_token/": [(200, actor.post("/oauth/revoke_token/", token=token))],
    }

    for path, told in answers.items():
        (operation,) = paths[path].values()
        for status, response in told:
            content = operation["responses"][str(status)].get("content")
            assert response.status_code == status
            if content:
                declared.validator(content["application/json"]["schema"]).validate(response.json())
