"""Lineage over REST: from a message to its entries, and from an entry the way back."""

import base64
import hashlib
import json

import pytest

from tests.api.calls import refusal


def test_it_leads_from_an_operation_to_everything_about_it(api):
    body = b' {"metadata": {"b": "2", "a": "1"},\n "entries": [{"amount": "5", "account": "cash"}]}  '
    response = api.post("/operations", body, key="lineage")
    operation = response.json()

    document = api.get(f"/operations/{operation['id']}/lineage").json()

    assert document["operation"] == operation
    assert document["request_id"] == response["X-Request-Id"]
    assert document["source"]["kind"] == "client"
    assert document["source"]["name"] == operation["source"]
    assert document["source"]["credential"].isdecimal()
    assert document["reversed_by"] is None
    message = document["message"]
    assert (message["key"], message["kind"]) == ("lineage", "operation")
    assert base64.b64decode(message["body_base64"]) == body
    assert message["body"] == body.decode()
    canonical = b'{"entries":[{"account":"cash","amount":"5"}],"metadata":{"a":"1","b":"2"}}'
    assert message["hash"] == hashlib.sha256(b"operation:\n" + canonical).hexdigest()


def test_it_leads_from_an_entry_the_way_back(api):
    operation = api.operate(("cash", "-5"), ("wallet", "5")).json()

    for entry in operation["entries"]:
        document = api.get(f"/entries/{entry['id']}").json()
        assert {name: document[name] for name in entry} == entry
        assert document["recorded_at"] == operation["recorded_at"]
        assert document["effective_at"] == operation["effective_at"]
        assert document["lineage"] == api.get(f"/operations/{operation['id']}/lineage").json()


def test_it_leads_from_an_operation_to_its_reversal_and_back(api):
    original = api.operate(("cash", "1")).json()["id"]
    reversal = api.post(f"/operations/{original}/reversal").json()["id"]

    forth = api.get(f"/operations/{original}/lineage").json()
    back = api.get(f"/operations/{reversal}/lineage").json()

    assert (forth["reversed_by"], forth["operation"]["reverses"]) == (reversal, None)
    assert (back["reversed_by"], back["operation"]["reverses"]) == (None, original)
    assert (back["message"]["kind"], back["message"]["body"]) == ("reversal", "")


def test_it_leads_to_an_item_of_a_batch_as_it_stood_there(api):
    item = {"key": "a", "entries": [{"account": "cash", "amount": "1"}], "description": "é"}
    result = api.post("/batches", {"operations": [item]}).json()["results"][0]

    body = api.get(f"/operations/{result['id']}/lineage").json()["message"]["body"]

    assert json.loads(body) == item


def test_it_leads_from_a_refused_operation_too(api):
    refused = api.operate(("wallet", "-1"), key="poor").json()["operation"]

    document = api.get(f"/operations/{refused}/lineage").json()

    assert (document["operation"]["outcome"], document["operation"]["entries"]) == ("below_floor", [])
    assert "wallet" in document["message"]["body"]


@pytest.mark.parametrize("entry", ["0", "x", "-1", "9" * 18, "9" * 30, "%00", "٣"])
def test_it_knows_no_other_entry(shared_api, entry):
    assert refusal(shared_api.get(f"/entries/{entry}")) == (404, "entry_unknown")


def test_it_knows_no_entry_of_another_book(api, empty_api):
    entry = api.operate(("cash", "1")).json()["entries"][0]["id"]

    assert refusal(empty_api.get(f"/entries/{entry}")) == (404, "entry_unknown")
