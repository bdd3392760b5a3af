"""The chain over REST: receipts that a stranger can check, heads that continue each other, and where an operation stands."""

import base64
import json

import psycopg
import pytest

from accounts.models import Book
from ledger.sealing import checkpoints, receipts, signing, tree
from tests.api.calls import refusal
from tests.ledger.page import Page


def seal(api) -> None:
    Page(Book.objects.get(name=api.book).id, 0).seal()


def test_a_receipt_is_pending_until_it_can_be_checked(api):
    operation = api.operate(("cash", "-5"), ("wallet", "5")).json()["id"]
    pending = api.get(f"/operations/{operation}/receipt").json()
    assert (pending["status"], pending["receipt"]) == ("pending", None)
    assert api.get(f"/operations/{operation}/lineage").json()["seal"] == {
        "status": "pending",
        "block": None,
        "index": None,
    }

    seal(api)

    document = api.get(f"/operations/{operation}/receipt").json()
    assert document["status"] == "sealed"
    receipt = receipts.parse(document["receipt"])
    opened = receipts.verify(receipt, signing.verifiers())
    assert opened.checkpoint.origin == f"localhost/{api.book}/1"
    assert receipt.leaf.decode() == document["leaf"]
    leaf = json.loads(document["leaf"])
    assert (leaf["id"], leaf["outcome"], [entry["amount"] for entry in leaf["entries"]]) == (
        operation,
        "accepted",
        ["-500", "500"],
    )
    lineage = api.get(f"/operations/{operation}/lineage").json()["seal"]
    assert lineage == {name: document[name] for name in ("status", "block", "index")}


def test_a_refused_operation_has_a_receipt_too(api):
    refused = api.operate(("wallet", "-1"), key="poor").json()["operation"]
    seal(api)

    leaf = json.loads(api.get(f"/operations/{refused}/receipt").json()["leaf"])

    assert (leaf["outcome"], leaf["entries"]) == ("below_floor", [])


def test_an_old_receipt_is_joined_to_a_new_head_by_a_proof(api):
    api.operate(("cash", "1"))
    seal(api)
    old = api.get("/seals/latest").json()
    for _ in range(3):
        api.operate(("cash", "1"))
        seal(api)
    new = api.get("/seals/latest").json()

    proof = api.get("/consistency", **{"from": old["size"], "to": new["size"]}).json()["proof"]

    roots = {"old_root": bytes.fromhex(old["root"]), "new_root": bytes.fromhex(new["root"])}
    hashes = [base64.b64decode(line) for line in proof]
    assert tree.verify_consistency(old=int(old["size"]), new=int(new["size"]), proof=hashes, **roots)
    assert api.get("/consistency", **{"from": "0", "to": new["size"]}).json()["proof"] == []


def test_blocks_are_listed_and_the_newest_is_read(api):
    for _ in range(3):
        api.operate(("cash", "1"))
        seal(api)

    page = api.get("/seals", limit=2).json()
    rest = api.get(page["next"]).json()

    numbers = [block["number"] for block in page["results"] + rest["results"]]
    assert numbers == ["3", "2", "1"]
    assert api.get("/seals/latest").json() == page["results"][0]
    head = checkpoints.open_signed(page["results"][0]["checkpoint"], signing.verifiers()).checkpoint
    assert (str(head.size), head.root.hex()) == (page["results"][0]["size"], page["results"][0]["root"])
    assert [block["number"] for block in api.get("/seals", order="asc").json()["results"]] == ["1", "2", "3"]


def test_a_book_without_a_seal_says_so(empty_api):
    assert refusal(empty_api.get("/seals/latest")) == (404, "seal_unknown")
    assert empty_api.get("/seals").json()["results"] == []
    assert refusal(empty_api.get("/consistency", **{"from": "0", "to": "1"})) == (404, "seal_unknown")


@pytest.mark.parametrize("sizes", [{}, {"from": "1"}, {"from": "2", "to": "1"}, {"from": "-1", "to": "1"}])
def test_sizes_that_are_none_are_refused(shared_api, sizes):
    assert refusal(shared_api.get("/consistency", **sizes)) == (400, "invalid_request")


def test_there_is_no_receipt_of_another_book_s_operation(api, empty_api):
    operation = api.operate(("cash", "1")).json()["id"]

    assert refusal(empty_api.get(f"/operations/{operation}/receipt")) == (404, "operation_unknown")


def test_a_record_that_was_changed_after_it_was_sealed_is_told(api, superuser_connection: psycopg.Connection):
    operation = api.operate(("cash", "1")).json()["id"]
    seal(api)
    superuser_connection.execute("ALTER TABLE ledger_operation DISABLE TRIGGER appendonly_update")
    superuser_connection.execute("UPDATE ledger_operation SET key = key || '!' WHERE id = %s", (operation,))
    superuser_connection.execute("ALTER TABLE ledger_operation ENABLE ALWAYS TRIGGER appendonly_update")

    document = api.get(f"/operations/{operation}/receipt").json()

    assert (document["status"], document["receipt"]) == ("contradicted", None)
