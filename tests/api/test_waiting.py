"""Messages for later over REST: 202 at once, and where to ask what became of them."""

from urllib.parse import urlsplit

import pytest

from ledger import inbox
from tests.api.calls import adds, pointers, refusal

LATER = {"Prefer": "respond-async"}
BODY = {"entries": [{"account": "cash", "amount": "1"}]}


def ask_again(api, response):
    link = urlsplit(response.json()["status_url"])
    return api.call("GET", f"{link.path}?{link.query}")


@pytest.mark.parametrize(
    "prefer", ["respond-async", "Respond-Async; priority=bulk", "wait=5, respond-async, priority=normal"]
)
def test_it_stores_a_message_now_and_posts_it_later(api, prefer):
    with adds(api):
        response = api.post("/operations", BODY, key="later & more", headers={"Prefer": prefer})

    assert (response.status_code, response["Preference-Applied"]) == (202, "respond-async")
    assert response["Location"] == response.json()["status_url"]
    waiting = ask_again(api, response).json()
    assert (waiting["key"], waiting["status"], waiting["outcome"], waiting["operation"]) == (
        "later & more",
        "waiting",
        None,
        None,
    )

    with adds(api, operations=1, entries=1):
        inbox.drain()

    done = ask_again(api, response).json()
    assert (done["status"], done["outcome"]) == ("done", "accepted")
    assert api.get(f"/operations/{done['operation']}").json()["key"] == "later & more"
    assert api.get(f"/operations/{done['operation']}/lineage").json()["request_id"] == response["X-Request-Id"]
    assert api.post("/operations", BODY, key="later & more")["Idempotent-Replayed"] == "true"


def test_it_reverses_later_too(api):
    original = api.operate(("cash", "1")).json()["id"]

    response = api.post(f"/operations/{original}/reversal", key="undo", headers=LATER)
    inbox.drain()

    assert response.status_code == 202
    assert ask_again(api, response).json()["outcome"] == "accepted"
    assert api.balance("cash") == "0.00"
    assert refusal(api.post("/operations/0/reversal", headers=LATER)) == (404, "operation_unknown")


def test_a_batch_waits_item_by_item(api):
    operations = [{"key": f"k{number}", **BODY} for number in range(3)]
    api.operate(("cash", "1"), key="k1")

    with adds(api):
        response = api.post("/batches", {"operations": operations}, headers=LATER)

    assert response.status_code == 202
    assert [result["status"] for result in response.json()["results"]] == ["waiting", "replayed", "waiting"]
    inbox.drain()
    assert api.balance("cash") == "3.00"


def test_all_or_nothing_is_not_for_later(api):
    response = api.post("/batches", {"mode": "all", "operations": [{"key": "k", **BODY}]}, headers=LATER)

    assert (response.status_code, pointers(response)) == (400, ["/mode"])


@pytest.mark.parametrize(
    ("prefer", "answer"),
    [
        ("respond-async, priority=urgent", (400, "invalid_request")),
        ("respond-async, priority=critical", (403, "priority_forbidden")),
    ],
)
def test_it_takes_a_class_that_there_is_and_that_the_client_may(api, prefer, answer):
    response = api.post("/operations", BODY, key="k", headers={"Prefer": prefer})

    assert refusal(response) == answer
    assert refusal(api.get("/messages", key="k")) == (404, "message_unknown")


@pytest.mark.parametrize(
    "prefer", ["", "return=minimal", "handling=lenient", "respond-sync", "async", ";,;=", "priority=bulk"]
)
def test_another_preference_changes_nothing(api, prefer):
    assert api.post("/operations", BODY, headers={"Prefer": prefer}).status_code == 201


def test_a_malformed_message_is_refused_at_once(api):
    response = api.post("/operations", {"entries": []}, key="k", headers=LATER)

    assert refusal(response) == (400, "invalid_request")
    assert refusal(api.get("/messages", key="k")) == (404, "message_unknown")


@pytest.mark.parametrize("query", [{}, {"key": ""}, {"key": "x" * 256}])
def test_it_is_asked_with_a_key(shared_api, query):
    response = shared_api.get("/messages", **query)

    assert (response.status_code, pointers(response)) == (400, ["query:key"])
