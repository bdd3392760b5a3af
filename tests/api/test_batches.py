"""Batches over REST: one result for each operation, in order."""

import pytest

from ledger.limits import BATCH_OPERATIONS_MAX
from tests.api.calls import adds, pointers, refusal


def item(key, *entries, **words):
    return {"key": key, "entries": [{"account": a, "amount": m} for a, m in entries], **words}


def results(response):
    assert response.status_code == 200, response.content
    return [(r["status"], r.get("code"), r.get("replayed", False)) for r in response.json()["results"]]


def test_it_answers_one_result_each_in_order(api):
    api.operate(("cash", "1"), key="old")
    api.operate(("wallet", "-1"), key="poor")
    operations = [
        item("new", ("cash", "-5"), ("wallet", "5"), metadata={"a": "b"}, description="x"),
        item("old", ("cash", "1")),
        item("old", ("cash", "2")),
        item("poor", ("wallet", "-1")),
        item("rich", ("wallet", "-6")),
        item("spend", ("wallet", "-5")),
        item("spend", ("wallet", "-5")),
        item("spend", ("wallet", "-4")),
        item("lost", ("nobody", "1")),
    ]

    with adds(api, operations=4, entries=3):
        response = api.post("/batches", {"operations": operations})

    assert results(response) == [
        ("created", None, False),
        ("replayed", None, False),
        ("refused", "key_reused", False),
        ("refused", "below_floor", True),
        ("refused", "below_floor", False),
        ("created", None, False),
        ("replayed", None, False),
        ("refused", "key_reused", False),
        ("refused", "account_unknown", False),
    ]
    assert [result["key"] for result in response.json()["results"]] == [operation["key"] for operation in operations]
    made = api.get(f"/operations/{response.json()['results'][0]['id']}").json()
    assert (made["key"], made["metadata"], made["description"]) == ("new", {"a": "b"}, "x")


def test_it_replays_as_a_whole(api):
    operations = [item(f"k{number}", ("cash", str(number))) for number in range(1, 20)]
    first = api.post("/batches", {"operations": operations})

    with adds(api):
        again = api.post("/batches", {"mode": "each", "operations": operations})

    assert {status for status, _, _ in results(first)} == {"created"}
    assert {status for status, _, _ in results(again)} == {"replayed"}
    assert [r["id"] for r in first.json()["results"]] == [r["id"] for r in again.json()["results"]]


def test_a_key_is_one_namespace_for_all_calls(api):
    api.operate(("cash", "1"), key="single")

    assert results(api.post("/batches", {"operations": [item("single", ("cash", "1"))]}))[0][0] == "replayed"
    assert results(api.post("/batches", {"operations": [item("batch", ("cash", "1"))]}))[0][0] == "created"
    assert api.operate(("cash", "1"), key="batch")["Idempotent-Replayed"] == "true"
    reversal = f"/operations/{api.operate(('cash', '1')).json()['id']}/reversal"
    assert refusal(api.post(reversal, {}, key="batch")) == (422, "key_reused")


@pytest.mark.parametrize(
    ("mode", "statuses", "added", "balance"),
    [
        ("each", "created below_floor created", 2, "2.00"),
        ("all", "batch_refused below_floor batch_refused", 0, "0.00"),
    ],
)
def test_all_means_all_or_nothing(api, mode, statuses, added, balance):
    operations = [item("a", ("cash", "1")), item("b", ("wallet", "-1")), item("c", ("cash", "1"))]

    with adds(api, operations=3, entries=added):
        response = api.post("/batches", {"mode": mode, "operations": operations})

    assert [code or status for status, code, _ in results(response)] == statuses.split()
    assert api.balance("cash") == balance


def test_all_goes_through_when_nothing_is_refused(api):
    operations = [item(f"k{number}", ("cash", "-1"), ("wallet", "1")) for number in range(50)]

    with adds(api, operations=50, entries=100):
        assert {s for s, _, _ in results(api.post("/batches", {"mode": "all", "operations": operations}))} == {
            "created"
        }

    assert api.balance("wallet") == "50.00"


def test_it_names_every_malformed_place_and_posts_nothing(api):
    operations = [item(f"k{number}", ("cash", "1")) for number in range(30)]
    operations[17]["entries"][0]["amount"] = "1e2"
    operations[18]["entries"][0]["amount"] = 1
    operations[19] |= {"key": "", "note": "x"}
    operations[20] |= {"key": "x" * 256, "effective_at": "2024-02-30T00:00:00Z"}
    del operations[21]["key"]
    operations[22] = None
    operations[23]["entries"].append({"account": "", "amount": "0"})
    operations[24] |= {"metadata": {"a/b~c": "\0"}}

    with adds(api):
        response = api.post("/batches", {"operations": operations})

    assert refusal(response) == (400, "invalid_request")
    assert pointers(response) == [
        "/operations/17/entries/0/amount",
        "/operations/18/entries/0/amount",
        "/operations/19",
        "/operations/20/key",
        "/operations/20/effective_at",
        "/operations/21",
        "/operations/22",
        "/operations/23/entries/1/amount",
        "/operations/23/entries/1/account",
        "/operations/24/metadata/a~1b~0c",
    ]
    with adds(api, operations=1, entries=1):  # none of the keys was used up
        assert results(api.post("/batches", {"operations": operations[:1]})) == [("created", None, False)]


def test_it_names_a_hundred_places_at_most(api):
    response = api.post("/batches", {"operations": [item(f"k{number}", ("cash", "0")) for number in range(200)]})

    assert pointers(response) == [f"/operations/{number}/entries/0/amount" for number in range(100)]


@pytest.mark.parametrize(
    "operations", [[], [item(f"k{n}", ("cash", "1")) for n in range(BATCH_OPERATIONS_MAX + 1)]], ids=len
)
def test_it_takes_neither_none_nor_more_than_the_limit(api, operations):
    with adds(api):
        response = api.post("/batches", {"operations": operations})

    assert (response.status_code, pointers(response)) == (400, ["/operations"])
    assert "10000" in response.json()["detail"]


@pytest.mark.parametrize("mode", ["each", "all"])
def test_it_takes_as_many_as_the_limit_says(api, mode):
    operations = [item(f"k{number}", ("cash", "1")) for number in range(BATCH_OPERATIONS_MAX)]

    with adds(api, operations=BATCH_OPERATIONS_MAX, entries=BATCH_OPERATIONS_MAX):
        response = api.post("/batches", {"mode": mode, "operations": operations})

    assert {status for status, _, _ in results(response)} == {"created"}
    assert api.balance("cash") == f"{BATCH_OPERATIONS_MAX}.00"
