"""Operations over REST: post one, read one, list, reverse."""

import itertools
from urllib.parse import urlencode

import pytest

from tests.api.calls import adds, pointers, refusal, settle, unique


def test_it_answers_201_with_the_operation_and_where_it_is(api):
    words = {
        "effective_at": "2024-02-29T13:30:00+01:00",
        "description": "Lunch — naïve 😀",
        "metadata": {"order": "A-1", "é": '\n\t"\\'},
    }

    with adds(api, operations=1, entries=2):
        response = api.operate(("cash", "-12.5"), ("wallet", "12.50"), key="lunch", **words)

    document = response.json()
    assert response.status_code == 201
    assert response["Location"] == f"{api.root}/operations/{document['id']}"
    assert "Idempotent-Replayed" not in response
    assert api.get(response["Location"]).json() == document
    assert document.pop("recorded_at") >= document.pop("received_at")
    assert [entry.pop("id").isdecimal() for entry in document["entries"]] == [True, True]
    assert document.pop("source").startswith("ledger")
    assert document.pop("id").isdecimal()
    assert document == {
        "book": api.book,
        "key": "lunch",
        "kind": "operation",
        "outcome": "accepted",
        "effective_at": "2024-02-29T12:30:00.000000Z",
        "description": words["description"],
        "metadata": words["metadata"],
        "reverses": None,
        "entries": [
            {"account": "cash", "unit": "EUR", "amount": "-12.50"},
            {"account": "wallet", "unit": "EUR", "amount": "12.50"},
        ],
    }


@pytest.mark.parametrize(
    ("entries", "balances"),
    [
        ([("cash", "5")], {"cash": "5.00"}),
        ([("cash", "-5")], {"cash": "-5.00"}),
        ([("points", "-7")], {"points": "-7"}),
        (
            [("cash", "0.01"), ("wallet", "-0.01"), ("wallet", "0.02"), ("cash", "-0.02")],
            {"cash": "-0.01", "wallet": "0.01"},
        ),
        ([("cash", "1"), ("cash", "-1")], {"cash": "0.00"}),
        (
            [("cash", "9" * 36), ("wallet", "-" + "9" * 36), ("wallet", "9" * 36), ("cash", "-" + "9" * 36)],
            {"cash": "0.00"},
        ),
    ],
)
def test_it_posts_one_entry_or_a_group(api, entries, balances):
    assert api.operate(*entries).status_code == 201
    assert {code: api.balance(code) for code in balances} == balances


@pytest.mark.parametrize(
    ("code", "entries"),
    [
        ("account_unknown", [("nobody", "1")]),
        ("account_unknown", [("cash", "-1"), ("nobody", "1")]),
        ("account_unknown", [("wal let", "1")]),
        ("account_closed", [("closed", "1")]),
        ("account_frozen", [("frozen", "1")]),
        ("account_frozen", [("cash", "-1"), ("frozen", "1")]),
        ("unbalanced", [("cash", "-1"), ("wallet", "2")]),
        ("unbalanced", [("cash", "-1"), ("points", "1")]),
        ("amount_scale", [("cash", "0.001")]),
        ("amount_scale", [("cash", "1.000")]),
        ("amount_scale", [("points", "1.0")]),
        ("amount_scale", [("cash", "1" * 37)]),
        ("below_floor", [("wallet", "-0.01")]),
        ("below_floor", [("wallet", "-1"), ("cash", "1")]),
        ("too_many_entries", [("cash", "1"), ("cash", "-1")] * 500 + [("cash", "1")]),
    ],
)
def test_it_refuses_with_a_code_and_keeps_the_refusal_without_entries(api, code, entries):
    for account, status in (("frozen", "frozen"), ("closed", "closed")):
        api.open(account)
        api.patch(f"/accounts/{account}", {"status": status})

    with adds(api, operations=1, entries=0):
        response = api.operate(*entries, key="refused")

    assert refusal(response) == (422, code)
    stored = api.get(f"/operations/{response.json()['operation']}").json()
    assert (stored["outcome"], stored["entries"], stored["key"]) == (code, [], "refused")
    assert api.balance("cash") == "0.00"


@pytest.mark.parametrize(("unit", "answer"), [("EUR", 201), (None, 201), ("USD", 422), ("eur", 422), ("", 422)])
def test_it_takes_the_unit_of_the_account_only(api, unit, answer):
    response = api.post("/operations", {"entries": [{"account": "cash", "amount": "1", "unit": unit}]})

    assert response.status_code == answer
    assert answer == 201 or response.json()["code"] == "unit_mismatch"


def test_it_replays_an_outcome_and_says_so(api):
    api.operate(("wallet", "1"), key="in")
    first, refused = api.operate(("wallet", "-1"), key="out"), api.operate(("wallet", "-1"), key="more")

    with adds(api):
        again, refused_again = api.operate(("wallet", "-1"), key="out"), api.operate(("wallet", "-1"), key="more")

    assert (again.status_code, again.json()) == (201, first.json())
    assert (again["Location"], again["Idempotent-Replayed"]) == (first["Location"], "true")
    assert refusal(refused_again) == refusal(refused) == (422, "below_floor")
    assert refused_again.json()["operation"] == refused.json()["operation"]
    assert (refused_again["Idempotent-Replayed"], "Idempotent-Replayed" in refused) == ("true", False)


def test_it_refuses_a_key_with_another_body(api):
    api.operate(("cash", "1"), key="once")

    with adds(api):
        response = api.operate(("cash", "1.0"), key="once")

    assert refusal(response) == (422, "key_reused")
    assert pointers(response) == ["header:Idempotency-Key"]
    assert "operation" not in response.json()


def test_it_reverses_once(api):
    original = api.operate(("cash", "-5"), ("wallet", "5")).json()
    path = f"/operations/{original['id']}/reversal"

    with adds(api, operations=1, entries=2):
        first = api.post(path, {"description": "Paid twice", "metadata": {"ticket": "9"}}, key="undo")

    document = first.json()
    assert (first.status_code, first["Location"]) == (201, f"{api.root}/operations/{document['id']}")
    assert (document["kind"], document["reverses"], document["description"]) == (
        "reversal",
        original["id"],
        "Paid twice",
    )
    assert [(e["account"], e["amount"]) for e in document["entries"]] == [("cash", "5.00"), ("wallet", "-5.00")]
    with adds(api):
        again = api.post(path, {"metadata": {"ticket": "9"}, "description": "Paid twice"}, key="undo")
    assert (again.json(), again["Idempotent-Replayed"]) == (document, "true")
    with adds(api, operations=1):
        assert refusal(api.post(path, {})) == (422, "already_reversed")
    with adds(api, operations=2):
        assert refusal(api.post(f"/operations/{document['id']}/reversal", {})) == (422, "not_reversible")
        refused = api.operate(("wallet", "-1")).json()["operation"]
    assert refusal(api.post(f"/operations/{refused}/reversal", {})) == (422, "not_reversible")
    assert api.balance("wallet") == api.balance("cash") == "0.00"


@pytest.mark.parametrize("body", [None, b"", {}, {"entries": []}])
def test_it_reverses_without_words_too(api, body):
    original = api.operate(("cash", "1")).json()["id"]

    assert api.post(f"/operations/{original}/reversal", body).status_code == 201


def test_it_refuses_a_reversal_that_the_floor_forbids(api):
    original = api.operate(("wallet", "5")).json()["id"]
    api.operate(("wallet", "-3"))

    assert refusal(api.post(f"/operations/{original}/reversal", {})) == (422, "below_floor")


@pytest.mark.parametrize("suffix", ["", "/lineage", "/reversal"])
@pytest.mark.parametrize(
    "operation", ["0", "-1", "1.0", "x", "999999999999999999", "9" * 19, "9" * 100, "٣", "%00", "1e3", " 1"]
)
def test_it_knows_no_other_operation(shared_api, suffix, operation):
    with adds(shared_api):
        call = shared_api.post if suffix == "/reversal" else shared_api.get
        assert refusal(call(f"/operations/{operation}{suffix}")) == (404, "operation_unknown")


def test_it_knows_no_operation_of_another_book(api, empty_api):
    operation = api.operate(("cash", "1")).json()["id"]

    assert refusal(empty_api.get(f"/operations/{operation}")) == (404, "operation_unknown")
    assert refusal(empty_api.post(f"/operations/{operation}/reversal", {})) == (404, "operation_unknown")
    assert refusal(empty_api.get(f"/operations/{operation}/lineage")) == (404, "operation_unknown")


@pytest.fixture(scope="module")
def told(new_book):
    """A book with a story: (key, accounts, outcome, metadata) in recorded order."""
    api = new_book()
    story = [
        ("k1", [("cash", "-9"), ("wallet", "9")], {"shop": "a", "till": "1"}),
        ("k2", [("wallet", "-99")], {"shop": "a", "till": "2"}),
        ("k3", [("wallet", "-1")], {"shop": "b", "till": "1"}),
        ("k4", [("points", "3")], {}),
        ("k5", [("cash", "1"), ("cash", "-2"), ("wallet", "1")], {"shop": "a", "till": "1"}),
        ("k6", [("nobody", "1")], {"shop": "b"}),
    ]
    documents = {}
    for key, entries, metadata in story:
        response = api.operate(*entries, key=key, metadata=metadata)
        operation = response.json().get("id") or response.json()["operation"]
        documents[key] = api.get(f"/operations/{operation}").json()
    settle()
    return api, documents


FILTERS = {
    "account": [None, "cash", "wallet"],
    "outcome": [None, "accepted", "below_floor"],
    "metadata.shop": [None, "a"],
    "metadata.till": [None, "1"],
    "key": [None, "k3"],
    "period": [None, "late"],
    "order": [None, "asc"],
}
ACCOUNTS = {"k1": "cash wallet", "k2": "wallet", "k3": "wallet", "k4": "points", "k5": "cash wallet", "k6": ""}


def test_every_filter_of_the_list_can_be_combined_with_every_other(told):
    api, documents = told
    boundary = documents["k3"]["recorded_at"]

    for values in itertools.product(*FILTERS.values()):
        chosen = {name: value for name, value in zip(FILTERS, values, strict=True) if value is not None}
        period = chosen.pop("period", None)
        expected = [
            key
            for key, document in documents.items()
            if chosen.get("key") in {None, key}
            and (chosen.get("outcome") in {None, document["outcome"]})
            and ("account" not in chosen or chosen["account"] in ACCOUNTS[key].split())
            # an account alone means what changed it; a refusal that it would have changed is asked for by its outcome
            and ("account" not in chosen or "outcome" in chosen or document["outcome"] == "accepted")
            and all(
                document["metadata"].get(name[9:]) == v for name, v in chosen.items() if name.startswith("metadata.")
            )
            and (period != "early" or document["recorded_at"] < boundary)
            and (period != "late" or document["recorded_at"] >= boundary)
        ]
        if period:
            chosen["to" if period == "early" else "from"] = boundary

        found = [operation["key"] for operation in api.get("/operations", **chosen).json()["results"]]

        assert found == (expected if chosen.get("order") == "asc" else expected[::-1]), chosen


def test_the_list_shows_operations_as_they_are_read_one_by_one(told):
    api, documents = told

    assert api.get("/operations", order="asc").json()["results"] == list(documents.values())


def test_a_key_finds_the_asking_client_s_own_operation(told, token_with):
    api, _ = told
    other = type(api)(token_with("operations:read"), api.book)

    assert len(api.get("/operations", key="k1").json()["results"]) == 1
    assert other.get("/operations", key="k1").json()["results"] == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"outcome": "acepted"}, "query:outcome"),
        ({"outcome": ""}, "query:outcome"),
        ({"order": "newest"}, "query:order"),
        ({"from": "yesterday"}, "query:from"),
        ({"to": "2024-02-30T00:00:00Z"}, "query:to"),
        ({"from": ""}, "query:from"),
        ({"Key": "k1"}, "query:Key"),
        ({"metadata": "a"}, "query:metadata"),
        ({"format": "json"}, "query:format"),
        ({"format": "xml"}, "query:format"),
        ({"key": ["k1", "k2"]}, "query:key"),
        ({"metadata.shop": ["a", "b"]}, "query:metadata.shop"),
        ({"key": "\0"}, "query:key"),
        ({"metadata.\0": "a"}, "query:metadata.\0"),
        ({"key": b"\xff"}, "query:"),
        ({b"metadata.\xff": "a"}, "query:"),
    ],
)
def test_the_list_refuses_filters_without_a_meaning(told, query, pointer):
    response = told[0].call("GET", f"/operations?{urlencode(query, doseq=True)}")

    assert (response.status_code, pointers(response)) == (400, [pointer])


def test_the_list_does_not_know_an_unknown_account(told):
    assert refusal(told[0].get("/operations", account="nobody")) == (404, "account_unknown")


@pytest.mark.parametrize("path", ["/operations", "/batches", "/accounts", "/accounts/batch", "/operations/1/reversal"])
def test_writing_takes_no_parameters_in_the_address(shared_api, path):
    with adds(shared_api):
        response = shared_api.post(path, {"entries": [{"account": "cash", "amount": "1"}]}, dry_run="true")

    assert (response.status_code, pointers(response)) == (400, ["query:dry_run"])


def test_it_can_be_posted_without_naming_the_main_book(shared_api):
    code = unique("main")
    for root in ("/api/v1", "/api/v1/books/main"):
        shared_api.post(f"{root}/accounts", {"code": code, "unit": "EUR"})
        posted = shared_api.post(f"{root}/operations", {"entries": [{"account": code, "amount": "1"}]})
        assert (posted.status_code, posted.json()["book"]) == (201, "main")
        assert posted["Location"] == f"{root}/operations/{posted.json()['id']}"

    assert shared_api.get(f"/api/v1/accounts/{code}/balance").json()["balance"] == "2.00"
