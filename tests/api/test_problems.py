"""Errors: one shape for all of them, wherever they come from."""

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client as Browser

from ledger import balances
from ledger.limits import BODY_BYTES_MAX
from tests.api.calls import Api, adds, pointers, refusal

UNKNOWN = [
    *(
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/accounts",
        "/api/v1/nothing",
        "/api/v1/accounts/",
        "/api/v1/Accounts",
    ),
    *(
        "/api/v1/accounts/a/b",
        "/api/v1/accounts/a/balance/",
        "/api/v1/operations/1/reversals",
        "/api/v1/books",
        "/api/v1/books/",
    ),
    *(
        "/api/v1/books/main",
        "/api/v1/books/ä/accounts",
        "/api/v1/books/a b/accounts",
        "/api/v1/books//accounts",
        "/oauth/nothing",
    ),
    *("/api/v1/accounts%00", "/api/v1/%ff", "/api/v1/accounts;a=b", "/.well-known/nothing", "/livez/x", "/metrics/x"),
]


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_address_is_a_problem_too(shared_api, method, path):
    response = Browser().generic(method, path, b"{}", content_type="application/json")

    assert refusal(response) == (404, "not_found")
    assert response["Content-Type"] == "application/problem+json"
    assert response["X-Request-Id"] == response.json()["request_id"]


@pytest.mark.parametrize("path", ["/accounts", "/operations", "/accounts/x/balance", "/operations/1", "/entries/1"])
@pytest.mark.parametrize("book", ["nowhere", "MAIN", "-", "x" * 300])
def test_an_unknown_book_is_told(shared_api, book, path):
    assert refusal(shared_api.get(f"/api/v1/books/{book}{path}")) == (404, "book_unknown")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/accounts", "GET, POST"),
        ("/accounts/batch", "POST"),
        ("/accounts/cash", "GET, PATCH"),
        ("/accounts/cash/balance", "GET"),
        ("/accounts/cash/entries", "GET"),
        ("/operations", "GET, POST"),
        ("/operations/1", "GET"),
        ("/operations/1/reversal", "POST"),
        ("/operations/1/lineage", "GET"),
        ("/entries/1", "GET"),
        ("/messages", "GET"),
        ("/batches", "POST"),
    ],
)
def test_a_method_that_an_address_does_not_know_is_told_with_those_it_does(shared_api, path, allowed):
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - set(allowed.split(", ")):
        with adds(shared_api):
            response = shared_api.call(method, path, b"{}")
        assert refusal(response) == (405, "method_not_allowed"), method
        named = set(response["Allow"].split(", "))
        assert set(allowed.split(", ")) <= named
        assert method not in named


def test_every_problem_has_the_members_of_the_contract(shared_api):
    problems = [
        shared_api.get("/nothing"),
        shared_api.get("/accounts/nobody"),
        shared_api.get("/accounts", limit=0),
        shared_api.post("/operations", b"{"),
        shared_api.post("/operations", {"entries": []}),
        shared_api.operate(("wallet", "-1")),
        shared_api.call("DELETE", "/accounts"),
        shared_api.call("GET", "/accounts", headers={"Accept": "text/html"}),
        shared_api.post("/accounts", b"a=b", content_type="text/plain"),
        Api(None, shared_api.book).get("/accounts"),
        Api("wrong", shared_api.book).get("/accounts"),
    ]

    for response in problems:
        problem = response.json()
        assert response["Content-Type"] == "application/problem+json"
        assert (problem["type"], problem["status"]) == ("about:blank", response.status_code)
        assert problem["title"] == response.reason_phrase
        assert problem["code"].replace("_", "").isalpha()
        assert problem["detail"].endswith(".")
        assert problem["request_id"] == response["X-Request-Id"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*", "text/json, json", "nonsense"])
def test_who_does_not_want_json_is_told(shared_api, accept):
    with adds(shared_api):
        response = shared_api.post(
            "/operations", {"entries": [{"account": "cash", "amount": "1"}]}, headers={"Accept": accept}
        )

    assert refusal(response) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "*/*",
        "application/*",
        "text/html, application/json;q=0.5",
        "",
    ],
)
def test_who_wants_json_gets_it(shared_api, accept):
    assert shared_api.call("GET", "/accounts", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        *("", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
        *(
            "application/jsonx",
            "application/json-patch+json",
            "application/problem+json",
            "application/xml",
            "json",
            ";",
        ),
        *("application/vnd.api+json", "application/json, text/plain", "x" * 5_000),
    ],
)
@pytest.mark.parametrize("path", ["/operations", "/batches", "/accounts", "/accounts/batch"])
def test_a_body_that_is_not_declared_as_json_is_refused(shared_api, path, kind):
    with adds(shared_api):
        response = shared_api.post(path, {"entries": [{"account": "cash", "amount": "1"}]}, content_type=kind)

    assert refusal(response) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON", " application/json ;x=y"]
)
def test_a_body_that_is_declared_as_json_is_read(shared_api, kind):
    response = shared_api.post("/operations", {"entries": [{"account": "cash", "amount": "1"}]}, content_type=kind)

    assert response.status_code == 201


@pytest.mark.parametrize("path", ["/operations", "/operations/1/reversal", "/batches", "/accounts", "/accounts/batch"])
def test_a_body_over_the_limit_is_refused_with_the_limit(shared_api, path):
    body = b'{"entries": [{"account": "cash", "amount": "1"}]}'
    with adds(shared_api):
        response = shared_api.post(path, body + b" " * (BODY_BYTES_MAX + 1 - len(body)))

    assert refusal(response) == (413, "body_too_large")
    assert str(BODY_BYTES_MAX) in response.json()["detail"]


def test_a_body_at_the_limit_is_read(api):
    body = b'{"entries": [{"account": "cash", "amount": "1"}]}'

    with adds(api, operations=1, entries=1):
        assert api.post("/operations", body + b" " * (BODY_BYTES_MAX - len(body))).status_code == 201


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abcdefgh", True),
        ("A-b_9" * 12, True),
        ("short", False),
        ("x" * 65, False),
        ("with space in it", False),
        ("naïve-naïve", False),
        ("<script>alert", False),
        ("", False),
    ],
)
def test_the_caller_may_name_the_request(shared_api, given, kept):
    response = shared_api.call("GET", "/accounts/nobody", headers={"X-Request-Id": given})

    assert (response["X-Request-Id"] == given) == kept
    assert response.json()["request_id"] == response["X-Request-Id"]


@pytest.mark.parametrize(
    "path", ["/accounts", "/accounts/cash", "/accounts/cash/balance", "/accounts/cash/entries", "/operations"]
)
def test_head_is_get_without_a_body(shared_api, path):
    head, get = shared_api.call("HEAD", path), shared_api.get(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers.keys() == get.headers.keys()


def test_head_of_what_is_not_there_is_404_without_a_body(shared_api):
    response = shared_api.call("HEAD", "/accounts/nobody")

    assert (response.status_code, response.content) == (404, b"")


@pytest.mark.parametrize("error", [OperationalError("the server closed the connection"), InterfaceError("gone")])
def test_a_storage_that_does_not_answer_is_503(shared_api, monkeypatch, error):
    def fail(**_):
        raise error

    monkeypatch.setattr(balances, "now", fail)

    response = shared_api.get("/accounts/cash/balance")

    assert refusal(response) == (503, "storage_unavailable")
    assert "server closed" not in response.content.decode()


def test_a_defect_is_500_and_tells_nothing_of_the_inside(shared_api, monkeypatch):
    def fail(**_):
        raise RuntimeError("secret")

    monkeypatch.setattr(balances, "now", fail)
    response = Browser(raise_request_exception=False).get(
        f"{shared_api.root}/accounts/cash/balance", headers={"Authorization": f"Bearer {shared_api.token}"}
    )

    assert refusal(response) == (500, "internal_error")
    assert b"secret" not in response.content
    assert response.json()["request_id"] == response["X-Request-Id"]


def test_no_link_leads_to_a_host_that_is_not_ours(shared_api):
    headers = {"Host": "evil.example", "Authorization": f"Bearer {shared_api.token}"}

    response = Browser().get(f"{shared_api.root}/accounts?limit=1", headers=headers)

    assert refusal(response) == (400, "bad_request")


def test_a_thousand_parameters_are_refused(shared_api):
    response = shared_api.call("GET", "/operations?" + "&".join(f"metadata.a{number}=b" for number in range(1_001)))

    assert refusal(response) == (400, "bad_request")


def test_one_problem_names_every_place(shared_api):
    body = {
        "entries": [{"account": "", "amount": "x"}, {"account": "cash", "amount": "0"}],
        "effective_at": "soon",
        "description": "\0",
        "metadata": {"": "", "a": "x" * 501},
    }
    with adds(shared_api):
        response = shared_api.post("/operations", body, key="")

    assert pointers(response) == [
        "header:Idempotency-Key",
        "/entries/0/amount",
        "/entries/0/account",
        "/entries/1/amount",
        "/effective_at",
        "/description",
        "/metadata/",
        "/metadata/a",
    ]
