"""A stranger's scenarios for the Idempotency-Key draft (shared data, http/idempotency.feature), each against our rules.

Every scenario of the file is named below, so a new one cannot be overlooked. Where our contract is another, the reason
stands beside it: keys may hold commas and be short (they are opaque text); an error's kind is told by `code` and its
request by `request_id`, not by links into the draft, `instance` and `retryable`; a repetition that meets its original in
flight waits for it instead of failing; and another key with the same body is another, legitimate operation.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection

from ledger import queries
from tests.api.calls import adds, pointers, refusal

BODY = {"entries": [{"account": "cash", "amount": "1"}], "description": "foo"}
OTHER = {"entries": [{"account": "cash", "amount": "1"}], "description": "baz"}
KEY = "abc123456789012345678"


def missing_key(api):
    with adds(api):
        response = api.call("POST", "/operations", BODY)
    assert (refusal(response), pointers(response)) == ((400, "invalid_request"), ["header:Idempotency-Key"])
    assert response["Content-Type"] == "application/problem+json"
    assert {"type", "title", "detail", "request_id"} <= response.json().keys()


def empty_key(api):
    malformed_key(api, "")


def long_key(api):
    malformed_key(api, "x" * 256)


def malformed_key(api, key):
    with adds(api):
        response = api.post("/operations", BODY, key=key)
    assert (refusal(response), pointers(response)) == ((400, "invalid_request"), ["header:Idempotency-Key"])
    assert {"type", "title", "detail", "request_id"} <= response.json().keys()


def key_with_commas(api):
    assert api.post("/operations", BODY, key="key,with,commas,longer-than-twenty-chars").status_code == 201


def valid_key(api):
    assert api.post("/operations", BODY, key="8e03978e-40d5-43e8-bc93-6894a57f9324").status_code == 201


def first_request(api):
    with adds(api, operations=1, entries=1):
        response = api.post("/operations", BODY, key=KEY)
    assert (response.status_code, response.json()["description"]) == (201, "foo")
    (stored,) = api.get("/operations", key=KEY).json()["results"]
    assert stored == response.json()


def repeated_request(api):
    with adds(api, operations=1, entries=1):
        first, *again = [api.post("/operations", BODY, key=KEY) for _ in range(4)]
    for response in again:
        assert (response.status_code, response.json()) == (201, first.json())
        assert response["Idempotent-Replayed"] == "true"


def other_key_same_body(api):
    with adds(api, operations=2, entries=2):
        first = api.post("/operations", BODY, key="key1-12345678901234567")
        second = api.post("/operations", BODY, key="key2-12345678901234567")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


def same_key_other_body(api):
    api.post("/operations", BODY, key=KEY)
    with adds(api):
        response = api.post("/operations", OTHER, key=KEY)
    assert (refusal(response), pointers(response)) == ((422, "key_reused"), ["header:Idempotency-Key"])
    assert response["Content-Type"] == "application/problem+json"
    assert {"type", "title", "detail", "request_id"} <= response.json().keys()


def same_key_at_once(api):
    barrier = threading.Barrier(4)

    def post(_):
        barrier.wait()
        try:
            return api.post("/operations", BODY, key=KEY)
        finally:
            connection.close()

    with adds(api, operations=1, entries=1), ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(post, range(4)))
    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["id"] for response in responses}) == 1
    assert sum("Idempotent-Replayed" in response for response in responses) == 3


def storage_away(api):
    def fail(**_):
        raise OperationalError("gone")

    with pytest.MonkeyPatch.context() as patch, adds(api):
        patch.setattr(queries, "known_accounts", fail)
        response = api.post("/operations", BODY, key=KEY)
    assert refusal(response) == (503, "storage_unavailable")
    assert response["Content-Type"] == "application/problem+json"
    assert api.post("/operations", BODY, key=KEY).status_code == 201


def reading(api):
    response = api.call("GET", "/operations", headers={"Idempotency-Key": KEY})
    assert (response.status_code, response.json()["results"]) == (200, [])


def put(api):
    unknown_method(api, "PUT")


def delete(api):
    unknown_method(api, "DELETE")


def unknown_method(api, method):
    assert refusal(api.call(method, "/operations", BODY, headers={"Idempotency-Key": KEY})) == (
        405,
        "method_not_allowed",
    )


def empty_body(api):
    with adds(api):
        assert refusal(api.post("/operations", b"", key=KEY)) == (400, "invalid_json")


def change(api):
    for _ in range(2):  # a change says what is to be, so it is idempotent by itself and takes no key
        response = api.call("PATCH", "/accounts/cash", {"name": "x"}, headers={"Idempotency-Key": KEY})
        assert (response.status_code, response.json()["name"]) == (200, "x")


SCENARIOS = {
    "Missing Idempotency-Key header on POST returns 400": missing_key,
    "Missing key error includes RFC 9457 instance field": missing_key,
    "Missing key error includes RFC 9457 retryable field": missing_key,
    "Missing key error follows RFC 9457": missing_key,
    "Empty Idempotency-Key header returns 400": empty_key,
    "Empty key error includes RFC 9457 instance field": empty_key,
    "Empty key error includes RFC 9457 retryable field": empty_key,
    "Empty key error includes idempotency_key extension": empty_key,
    "Idempotency-Key exceeding 255 characters returns 400": long_key,
    "Too long key error includes RFC 9457 instance field": long_key,
    "Too long key error includes RFC 9457 retryable field": long_key,
    "Idempotency-Key with commas returns 400": key_with_commas,
    "Invalid key with commas includes RFC 9457 instance field": key_with_commas,
    "Invalid key with commas includes RFC 9457 retryable field": key_with_commas,
    "Valid Idempotency-Key is accepted": valid_key,
    "First request creates idempotency record": first_request,
    "First request stores response status": first_request,
    "First request stores response body": first_request,
    "First request creates expected resource": first_request,
    "First request returns correct response body": first_request,
    "Duplicate request returns cached response": repeated_request,
    "Duplicate request sets replay header": repeated_request,
    "Duplicate request does not create additional idempotency records": repeated_request,
    "Duplicate request does not duplicate resource creation": repeated_request,
    "Multiple duplicate requests return cached response": repeated_request,
    "Different key with same body returns 409": other_key_same_body,
    "Fingerprint conflict response contains error message": other_key_same_body,
    "Fingerprint conflict does not create duplicate resources": other_key_same_body,
    "Fingerprint conflict includes RFC 9457 instance field": other_key_same_body,
    "Fingerprint conflict includes RFC 9457 retryable field": other_key_same_body,
    "Fingerprint conflict error follows RFC 9457": other_key_same_body,
    "Same key with different body returns 422": same_key_other_body,
    "Key reuse conflict response contains error message": same_key_other_body,
    "Key reuse conflict includes RFC 9457 instance field": same_key_other_body,
    "Key reuse conflict includes RFC 9457 retryable field": same_key_other_body,
    "Key reuse conflict includes idempotency_key extension": same_key_other_body,
    "Key reuse error follows RFC 9457": same_key_other_body,
    "Request during processing returns 409": same_key_at_once,
    "Concurrent request response contains error message": same_key_at_once,
    "Concurrent request includes RFC 9457 instance field": same_key_at_once,
    "Concurrent request includes RFC 9457 retryable field": same_key_at_once,
    "Store unavailable returns 503": storage_away,
    "Store unavailable includes RFC 9457 instance field": storage_away,
    "Store unavailable includes RFC 9457 retryable field": storage_away,
    "GET requests bypass idempotency processing": reading,
    "PUT requests bypass idempotency processing": put,
    "DELETE requests bypass idempotency processing": delete,
    "Empty request body is handled": empty_body,
    "PATCH requests are protected by idempotency": change,
}


@pytest.mark.parametrize("check", dict.fromkeys(SCENARIOS.values()), ids=lambda check: check.__name__)
def test_the_scenarios_hold_by_our_rules(api, check):
    check(api)


@pytest.mark.foreign
def test_every_scenario_of_the_file_is_named_here(foreign_data):
    lines = (foreign_data / "http" / "idempotency.feature").read_text(encoding="utf-8").splitlines()

    assert {line.partition("Scenario: ")[2] for line in lines if "Scenario: " in line} == SCENARIOS.keys()
