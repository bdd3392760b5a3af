"""Idempotency keys: which are taken, exactly as they are, and which are refused."""

import pytest

from tests.api.calls import adds, header_text, pointers, refusal

BODY = {"entries": [{"account": "cash", "amount": "1"}]}
TAKEN = [
    "k",
    "x" * 255,
    "8e03978e-40d5-43e8-bc93-6894a57f9324",
    '"quoted"',
    "with, comma and blanks",
    "ключ",
    "鍵" * 255,
    "😀",
    "a'b;c--",
    "%00",
    "null",
]
REFUSED = [
    "",
    "x" * 256,
    "鍵" * 256,
    "a\tb",
    "a\x01b",
    "a\x7fb",
    "a\x00b",
    "a\x85b",
    "a\u200bb",
    "a\u2028b",
    "\ufeffa",
    "a\u202eb",
    "a\u00a0b",
    "\ue000",
]


@pytest.mark.parametrize("key", TAKEN, ids=ascii)
def test_a_printable_key_is_taken_and_found_again_exactly(api, key):
    batch = {"operations": [{"key": key, **BODY}]}

    with adds(api, operations=1, entries=1):
        (first,), (again,) = (api.post("/batches", batch).json()["results"] for _ in range(2))

    assert first == {"key": key, "status": "created", "id": first["id"]}
    assert again == {"key": key, "status": "replayed", "id": first["id"]}
    (found,) = api.get("/operations", key=key).json()["results"]
    assert (found["id"], found["key"]) == (first["id"], key)


@pytest.mark.parametrize("key", TAKEN, ids=ascii)
def test_a_header_holds_a_key_of_ascii(api, key):
    with adds(api, operations=int(key.isascii()), entries=int(key.isascii())):
        first, again = api.post("/operations", BODY, key=key), api.post("/operations", BODY, key=key)

    if key.isascii():
        assert (first.status_code, first.json()["key"], again["Idempotent-Replayed"]) == (201, key, "true")
    else:
        assert (first.status_code, pointers(first)) == (400, ["header:Idempotency-Key"])


@pytest.mark.parametrize("key", REFUSED, ids=ascii)
def test_any_other_key_is_refused_in_the_header_and_in_a_batch(shared_api, key):
    with adds(shared_api):
        single = shared_api.post("/operations", BODY, key=key)
        batch = shared_api.post("/batches", {"operations": [{"key": key, **BODY}]})

    assert (refusal(single), pointers(single)) == ((400, "invalid_request"), ["header:Idempotency-Key"])
    assert (refusal(batch), pointers(batch)) == ((400, "invalid_request"), ["/operations/0/key"])


@pytest.mark.parametrize("path", ["/operations", "/operations/{id}/reversal"])
def test_a_call_without_a_key_is_refused(api, path):
    path = path.format(id=api.operate(("cash", "1")).json()["id"])

    with adds(api):
        response = api.call("POST", path, BODY if path == "/operations" else {})

    assert (response.status_code, pointers(response)) == (400, ["header:Idempotency-Key"])
    assert response.json()["errors"][0]["code"] == "required"


@pytest.mark.parametrize("raw", [b"\xff", b"\xc3\x28", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_a_key_that_is_not_utf_8_is_refused(shared_api, raw):
    with adds(shared_api):
        response = shared_api.call("POST", "/operations", BODY, headers={"Idempotency-Key": raw.decode("latin-1")})

    assert (response.status_code, pointers(response)) == (400, ["header:Idempotency-Key"])


def test_keys_that_look_alike_are_different(api):
    keys = ["é", "e\u0301", "É", "k", "K", "k1", "k 1", "k  1", "\u03a9", "\u2126"]

    with adds(api, operations=len(keys), entries=len(keys)):
        response = api.post("/batches", {"operations": [{"key": key, **BODY} for key in keys]})

    assert {result["status"] for result in response.json()["results"]} == {"created"}


def test_a_refused_request_leaves_its_key_free(api):
    for body in (b"{", {"entries": []}, {"entries": [{"account": "cash", "amount": "0"}]}):
        assert api.post("/operations", body, key="again").status_code == 400
    for headers in ({"Accept": "text/html"}, {"Content-Type": "text/plain"}):
        kind = headers.pop("Content-Type", "application/json")
        assert api.post("/operations", BODY, key="again", headers=headers, content_type=kind).status_code in {406, 415}

    response = api.post("/operations", BODY, key="again")

    assert (response.status_code, "Idempotent-Replayed" in response) == (201, False)


def test_a_key_means_nothing_where_nothing_is_posted(shared_api):
    for path in ("/accounts", "/accounts/cash", "/operations"):
        assert shared_api.call("GET", path, headers={"Idempotency-Key": header_text("ключ")}).status_code == 200
