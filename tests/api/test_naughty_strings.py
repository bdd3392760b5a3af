"""Naughty strings in every place a text can stand: stored and echoed exactly, or refused with a 4xx; never a 5xx."""

import json
from urllib.parse import quote

import pytest

from accounts.limits import CODE_CHARACTERS_MAX
from ledger.limits import KEY_CHARACTERS_MAX, PAGE_ROWS_MAX
from tests.api.calls import adds, header_text

pytestmark = pytest.mark.foreign


@pytest.fixture(scope="module")
def naughty(foreign_data):
    strings = json.loads((foreign_data / "strings" / "blns.json").read_text(encoding="utf-8"))
    payloads = (foreign_data / "strings" / "csv_injection_payloads.txt").read_text(encoding="utf-8").splitlines()
    assert len(strings) > 500
    return sorted({*strings, *payloads})


def test_as_description_and_metadata_they_come_back_exactly(api, naughty):
    operations = [
        {
            "key": f"k{number}",
            "entries": [{"account": "cash", "amount": "1"}],
            "description": text,
            "metadata": {"value": text, **({text: "name"} if 0 < len(text) <= 64 else {})},
        }
        for number, text in enumerate(naughty)
    ]

    results = api.post("/batches", {"operations": operations}).json()["results"]

    stored = {}
    url = f"{api.root}/operations?limit=500"
    while url:
        page = api.call("GET", url).json()
        stored |= {operation["id"]: operation for operation in page["results"]}
        url = page["next"]
    for operation, result in zip(operations, results, strict=True):
        assert result["status"] == "created", operation
        found = stored[result["id"]]
        assert (found["description"], found["metadata"]) == (operation["description"], operation["metadata"])


def test_as_metadata_they_are_found_again(api, naughty):
    for text in naughty[::6]:
        made = api.operate(
            ("cash", "1"), metadata={"value": text, **({text: "name"} if 0 < len(text) <= 64 else {})}
        ).json()
        for query in ({"metadata.value": text}, {f"metadata.{text}": "name"} if 0 < len(text) <= 64 else {}):
            if query:
                found = [operation["id"] for operation in api.get("/operations", **query).json()["results"]]
                assert found[0] == made["id"], query


def test_as_key_they_are_kept_exactly_or_refused(api, naughty):
    body = {"entries": [{"account": "cash", "amount": "1"}]}
    kept = 0
    for text in naughty[::2]:
        is_key = 0 < len(text) <= KEY_CHARACTERS_MAX and text.isprintable()
        in_batch = api.post("/batches", {"operations": [{"key": text, **body}]})
        in_header = api.post("/operations", body, key=text)
        assert in_batch.status_code == (200 if is_key else 400), text
        assert in_header.status_code == (201 if is_key and text.isascii() else 400), text
        if is_key:
            (result,) = in_batch.json()["results"]
            assert (result["key"], result["status"]) == (text, "created")
            assert [operation["key"] for operation in api.get("/operations", key=text).json()["results"]] == [text]
            kept += 1
        if in_header.status_code == 201:
            assert (in_header.json()["id"], in_header.json()["key"]) == (result["id"], text)

    assert kept > 170


def test_as_code_they_open_an_account_of_exactly_that_code_or_are_refused(empty_api, naughty):
    opened, refused = [], []
    for text in naughty:
        response = empty_api.post("/accounts", {"code": text, "unit": "EUR"})
        assert response.status_code in {201, 400}, text
        (opened if response.status_code == 201 else refused).append(text)
        if response.status_code == 201:
            assert empty_api.get(response["Location"]).json()["code"] == text

    assert {account["code"] for account in empty_api.get("/accounts", limit=500).json()["results"]} == set(opened)
    assert len(opened) > 50
    operations = [{"key": f"k{n}", "entries": [{"account": text, "amount": "1"}]} for n, text in enumerate(opened)]
    with adds(empty_api, operations=len(opened), entries=len(opened)):
        results = empty_api.post("/batches", {"operations": operations}).json()["results"]
    assert {result["status"] for result in results} == {"created"}
    assert [row["account"] for row in empty_api.get(f"/operations/{results[0]['id']}").json()["entries"]] == opened[:1]
    for text in refused[::5]:
        with adds(empty_api, operations=int(0 < len(text) <= CODE_CHARACTERS_MAX and text.isprintable())):
            assert empty_api.operate((text, "1")).status_code in {400, 422}, text


def test_as_name_unit_and_status_they_are_kept_exactly_or_refused(api, naughty):
    for text in naughty[::5]:
        named = api.patch("/accounts/cash", {"name": text})
        assert named.status_code == (200 if len(text) <= 200 and "\0" not in text else 400), text
        if named.status_code == 200:
            assert named.json()["name"] == text
        assert api.post("/accounts", {"code": "x", "unit": text}).status_code in {400, 422}, text
        assert api.patch("/accounts/cash", {"status": text}).status_code == 400, text


@pytest.mark.parametrize("path", ["/accounts/{}", "/accounts/{}/balance", "/operations/{}", "/entries/{}", "/{}"])
def test_in_a_path_they_lead_nowhere(shared_api, naughty, path):
    for text in naughty[::2]:
        if quote(text, safe="") not in {"", ".", ".."}:
            response = shared_api.get(path.format(quote(text, safe="")))
            assert response.status_code == 404, text


@pytest.mark.parametrize("name", ["prefix", "unit", "status", "cursor", "limit", "order"])
def test_in_a_query_they_find_nothing_or_are_refused(shared_api, naughty, name):
    for text in naughty[::3]:
        response = shared_api.get("/accounts", **{name: text})
        if name in {"prefix", "unit"}:
            assert response.status_code == 200, text
            assert response.json()["results"] == [] or (name, text) == ("prefix", ""), text
        else:
            is_limit = name == "limit" and text.isascii() and text.isdecimal() and 1 <= int(text) <= PAGE_ROWS_MAX
            assert response.status_code == (200 if is_limit else 400), text


@pytest.mark.parametrize("name", ["key", "account", "outcome", "from"])
def test_in_a_filter_of_operations_they_find_nothing_or_are_refused(shared_api, naughty, name):
    for text in naughty[::4]:
        response = shared_api.get("/operations", **{name: text})
        assert response.status_code == {"key": 200, "account": 404, "outcome": 400, "from": 400}[name], text


def test_in_headers_they_break_nothing(shared_api, naughty):
    for text in naughty[::8]:
        for header in ("X-Request-Id", "If-None-Match", "Accept", "Prefer", "Content-Type"):
            value = header_text(text).replace("\n", " ").replace("\r", " ")
            kind = {"content_type": value} if header == "Content-Type" else {"headers": {header: value}}
            assert shared_api.call("GET", "/accounts/cash/balance", **kind).status_code in {200, 304, 406}, (
                header,
                text,
            )
