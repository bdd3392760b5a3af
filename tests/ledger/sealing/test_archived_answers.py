"""What callers and people are told of operations whose partition was archived and detached: what they were told before.

Each test works in a copy of one ledger whose partitions hold ten ids each; the first is full and wholly sealed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

from ledger import inbox, queries
from ledger.contracts import Priority
from ledger.sealing import (
    signing,
    verify_receipt,
)
from tests.api.calls import Api, refusal
from tests.ledger.page import Page
from tests.ledger.sealing.small_ledger import FIRST, SAID, Ledger, as_owner, copy_of, rewrite, staged
from tests.security.actors import new_actor

SECOND = "ledger_operation_p00002"
READS = ("", "/lineage", "/receipt")


@pytest.fixture(scope="module")
def original() -> Iterator[tuple[str, Page, Page]]:
    with staged() as ledger:
        yield ledger


@pytest.fixture
def ledger(original: tuple[str, Page, Page], tmp_path: Path) -> Iterator[Ledger]:
    with copy_of(original, tmp_path) as ledger:
        yield ledger


@pytest.fixture
def api(ledger: Ledger) -> Api:
    return Api(
        new_actor(name="reader", scopes="operations:read operations:write accounts:read").token(), ledger.book.name
    )


def everything(api: Api) -> dict[str, object]:
    """What callers read of the operations of the first partition, in every way there is."""
    addresses = [f"/operations/{number}{what}" for number in (1, 2, 5, 6) for what in READS]
    addresses += [
        "/operations",
        "/operations?order=asc&limit=3",
        "/operations?account=anna",
        "/operations?outcome=below_floor",
    ]
    addresses += [
        "/operations?metadata[order]=17",
        "/operations?account=anna&outcome=below_floor",
        "/operations?kind=reversal",
    ]
    addresses += ["/accounts/anna/entries", "/entries/1", "/operations/3", "/operations/11/lineage"]
    return {address: (answer := api.get(address)).status_code and answer.json() for address in addresses}


def comparable(answers: dict[str, object]) -> dict[str, object]:
    """Without what each request has of its own, and receipts, which are made under the newest head."""
    return {
        address: {
            name: value for name, value in answer.items() if name not in {"receipt", "checkpoint", "request_id", "next"}
        }
        for address, answer in answers.items()
        if isinstance(answer, dict)
    }


# --- Callers ------------------------------------------------------------------------------------------------------


def test_callers_read_what_they_read_before(ledger: Ledger, api: Api) -> None:
    before = everything(api)

    ledger.detach()

    assert comparable(everything(api)) == comparable(before)
    assert before["/operations/1"]["description"] == SAID["description"]
    assert before["/operations/1/lineage"]["message"]["body"].startswith('{"entries":[')


def test_a_repeated_key_is_answered_like_the_first_time(ledger: Ledger) -> None:
    page = ledger.page
    ledger.detach()
    operations = page.count("ledger_operation")

    page.write(
        ("1", "bank -50.00, anna 50.00", "accepted again", SAID),
        ("2", "anna -99.00", "below_floor again"),
        ("1", "bank -51.00, anna 51.00", "key_reused", SAID),
        ("2", "anna 99.00", "key_reused"),
    )
    page.write_batch(
        ("1", "bank -50.00, anna 50.00", "accepted again", SAID),
        ("new", "anna 1.00", "accepted"),
        ("2", "anna -9.00", "key_reused"),
    )

    page.write(("4", "reverse 3", "accepted again"))
    assert page.count("ledger_operation") == operations + 1
    page.shows("anna 36.00")


def test_a_client_gets_the_same_answer_over_http(ledger: Ledger, api: Api) -> None:
    first = [api.operate(("anna", "1.00"), key=f"http-{number}", description="by client") for number in range(9)]
    assert {answer.status_code for answer in first} == {201}
    refused = api.operate(("anna", "-9999.00"), key="refused")
    ledger.page.seal()
    ledger.other.seal()
    with as_owner():
        for name in (FIRST, SECOND):
            path = ledger.archive(name=name)
            call_command("archive", name, "--detach")
            call_command("archive", name, "--drop")
    path.unlink()

    again = api.operate(("anna", "1.00"), key="http-3", description="by client")
    refused_again = api.operate(("anna", "-9999.00"), key="refused")
    other = api.operate(("anna", "2.00"), key="http-3", description="by client")

    assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (201, first[3].json(), "true")
    assert refusal(refused_again) == refusal(refused) == (422, "below_floor")
    assert refused_again.json()["operation"] == refused.json()["operation"]
    assert refusal(other) == (422, "key_reused")
    undone = [
        api.post(f"/operations/{first[3].json()['id']}/reversal", key=key) for key in ("undo", "undo", "undo twice")
    ]
    assert [answer.status_code for answer in undone] == [201, 201, 422]
    assert refusal(undone[2]) == (422, "already_reversed")


def test_control_without_reduced_operations_a_repeated_key_gets_a_wrong_answer(ledger: Ledger) -> None:
    page = ledger.page
    ledger.archive()
    ledger.cut_off()

    assert page.accept([page.message("1", "bank -50.00, anna 50.00", SAID)]) != ["accepted again"]
    assert page.accept([page.message("1", "bank -51.00, anna 51.00", SAID)]) != ["key_reused"]


def test_the_queue_knows_the_keys(ledger: Ledger) -> None:
    page = ledger.page
    ledger.detach()
    same, other = page.message("1", "bank -50.00, anna 50.00", SAID), page.message("2", "anna 1.00")

    stored = inbox.put(book_id=page.book_id, messages=[same, other], priority=Priority.NORMAL)

    assert [(each.state, each.operation_id) for each in stored] == [("accepted", 1), ("key_reused", 2)]
    assert inbox.state_of(book_id=page.book_id, source_id=page.source_id, key="1") == ("accepted", 1)
    outcomes = queries.outcomes_of_keys(book_id=page.book_id, source_id=page.source_id, keys=["2", "none"])
    assert [outcome and (outcome.operation_id, outcome.outcome) for outcome in outcomes] == [(2, "below_floor"), None]


def test_it_is_reversed_once(ledger: Ledger) -> None:
    page = ledger.page
    ledger.detach()

    page.write(
        ("undo", "reverse 1", "below_floor"),
        ("undo 5", "reverse 5", "accepted"),
        ("again", "reverse 5", "already_reversed"),
    )
    page.write(("undo 5", "reverse 5", "accepted again"), ("3", "reverse 3", "key_reused"))
    page.write(("undo 3", "reverse 3", "already_reversed"), ("undo 2", "reverse 2", "not_reversible"))

    page.shows("anna 36.00")


def test_without_the_file_only_what_it_alone_has_is_unavailable(ledger: Ledger, api: Api) -> None:
    before = everything(api)

    ledger.detach().unlink()

    for address, told_before in before.items():
        answer = api.get(address)
        if (address.endswith(("/lineage", "/receipt")) and "/11/" not in address) or address == "/entries/1":
            assert refusal(answer) == (503, "archive_unavailable"), address
            assert int(answer.headers["Retry-After"]) > 0
        else:
            assert comparable({address: answer.json()}) == comparable({address: told_before})
    assert refusal(api.get("/operations/3/receipt")) == (404, "operation_unknown"), "it is of the other book"


@pytest.mark.parametrize("part", ["operations", "entries", "manifest", "bytes"])
def test_a_file_that_was_changed_is_never_believed(ledger: Ledger, api: Api, part: str) -> None:
    path = ledger.detach()
    if part == "bytes":
        path.write_bytes(path.read_bytes()[:-200])
    old, new = {
        "operations": (b"7b22656e", b"7b22656f"),
        "entries": (b"5000", b"5001"),
        "manifest": (b'"0"', b'"7"'),
    }.get(part, (b"", b""))
    if old:
        rewrite(path, lambda content: content.replace(old, new))

    for address in ("/operations/1/lineage", "/operations/1/receipt"):
        assert refusal(api.get(address)) == (503, "archive_unavailable"), address
    assert api.get("/operations/1").json()["description"] == SAID["description"]


def test_a_receipt_proves_what_is_archived(ledger: Ledger, api: Api) -> None:
    ledger.detach()

    answer = api.get("/operations/1/receipt").json()
    (ledger.folder / "receipt").write_text(answer["receipt"], encoding="utf-8")
    checked = verify_receipt.main(["receipt", str(ledger.folder / "receipt"), "--key", signing.public_keys()[0]])

    assert (answer["status"], checked) == ("sealed", verify_receipt.OK)
    assert json.loads(answer["leaf"])["key"] == "1"


# --- The panel ----------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(ledger: Ledger) -> Client:
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("auditor"))
    return browser


def test_the_panel_shows_it_from_the_archive(ledger: Ledger, browser: Client) -> None:
    ledger.detach()

    page = browser.get("/admin/ledger/operation/1/change/").content.decode()
    listed = browser.get("/admin/ledger/operation/", {"book": ledger.book.name, "reference": "order=17"})

    assert "Its partition is archived" in page
    assert "request-of-a-page" in page
    assert "&quot;amount&quot;: &quot;-50.00&quot;" in page
    assert [row["key"] for row in listed.context["operations"]] == ["1"]
    assert "It proves, for ever" in browser.get("/admin/ledger/operation/1/receipt/").content.decode()


def test_the_panel_says_so_where_the_file_is_away(ledger: Ledger, browser: Client) -> None:
    ledger.detach().unlink()

    page = browser.get("/admin/ledger/operation/1/change/")
    receipt = browser.get("/admin/ledger/operation/1/receipt/")
    download = browser.get("/admin/ledger/operation/1/receipt/", {"download": "1"})

    assert (page.status_code, receipt.status_code, download.status_code) == (200, 200, 503)
    assert f"lie in {FIRST}.zip, which is in none of the folders" in page.content.decode()
    assert "cannot be read here at present" in receipt.content.decode()
    assert "not known" not in page.content.decode(), "what is not there is not told as if it had never been"
