"""Balances and history over REST."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.api.calls import pointers, refusal, settle


def now():
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def test_a_balance_says_what_it_is_of_and_as_of_when(api):
    before = now()
    api.operate(("wallet", "12.5"))
    api.patch("/accounts/wallet", {"floor": "-7.5"})

    document = api.get("/accounts/wallet/balance").json()

    as_of, source = document.pop("as_of"), document.pop("source")
    assert before < as_of <= now()
    assert source in {"grid", "ledger"}
    assert document == {"account": "wallet", "unit": "EUR", "balance": "12.50", "available": "20.00"}


@pytest.mark.parametrize(("code", "balance"), [("cash", "0.00"), ("points", "0")])
def test_a_balance_without_a_floor_has_nothing_available_to_tell(api, code, balance):
    document = api.get(f"/accounts/{code}/balance").json()

    assert (document["balance"], document["available"]) == (balance, None)


def test_a_balance_follows_every_operation(api):
    for number in range(1, 8):
        api.operate(("cash", "-0.01"), ("wallet", "0.01"))
        assert (api.balance("cash"), api.balance("wallet")) == (f"-0.0{number}", f"0.0{number}")


def test_a_balance_can_be_asked_for_at_a_recorded_moment(api):
    moments = [now()]
    for _ in range(3):
        api.operate(("cash", "1"))
        time.sleep(0.002)
        moments.append(now())
    settle()
    recorded = api.get("/accounts/cash/entries", order="asc").json()["results"][1]["recorded_at"]

    balances = [api.get("/accounts/cash/balance", at=moment).json()["balance"] for moment in moments]

    assert balances == ["0.00", "1.00", "2.00", "3.00"]
    # strictly before: what was recorded at the moment itself is not counted
    assert api.get("/accounts/cash/balance", at=recorded).json()["balance"] == "1.00"


def test_a_balance_can_be_asked_for_at_an_effective_moment(api):
    api.operate(("cash", "1"), effective_at="2024-03-01T00:00:00Z")
    api.operate(("cash", "2"), effective_at="2024-02-01T00:00:00Z")
    api.operate(("cash", "4"))

    def balance(moment):
        return api.get("/accounts/cash/balance", effective_at=moment).json()["balance"]

    assert balance("2024-02-01T00:00:00Z") == "0.00"
    assert balance("2024-02-01T00:00:00.000001Z") == "2.00"
    assert balance("2024-03-01T01:00:00+01:00") == "2.00"
    assert balance("2024-03-01T00:59:59-00:01") == "3.00"
    assert balance("9999-12-31T23:59:59Z") == "7.00"
    assert balance("0001-01-01T00:00:00Z") == "0.00"


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"at": "now"}, "query:at"),
        ({"at": ""}, "query:at"),
        ({"at": "2024-02-30T00:00:00Z"}, "query:at"),
        ({"effective_at": "2024-01-01"}, "query:effective_at"),
        ({"at": "2024-01-01T00:00:00Z", "effective_at": "2024-01-01T00:00:00Z"}, "query:effective_at"),
        ({"at": ["2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"]}, "query:at"),
        ({"moment": "2024-01-01T00:00:00Z"}, "query:moment"),
        ({"limit": "1"}, "query:limit"),
    ],
)
def test_a_balance_is_asked_for_in_one_way(shared_api, query, pointer):
    response = shared_api.get("/accounts/cash/balance", **query)

    assert (response.status_code, pointers(response)) == (400, [pointer])


def test_an_offset_may_be_written_without_escaping_its_plus(shared_api):
    response = shared_api.call("GET", "/accounts/cash/balance?at=2024-01-01T00:00:00+01:00")

    assert response.status_code == 200


def test_the_etag_stays_while_the_amounts_stay(api):
    first = api.get("/accounts/wallet/balance")
    second = api.get("/accounts/wallet/balance")
    api.operate(("wallet", "1"))
    third = api.get("/accounts/wallet/balance")
    api.patch("/accounts/wallet", {"floor": "1"})
    fourth = api.get("/accounts/wallet/balance")

    assert first["ETag"].startswith('W/"')
    assert first["ETag"] == second["ETag"]
    assert len({first["ETag"], third["ETag"], fourth["ETag"]}) == 3


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("{etag}", 304),
        ('"other", {etag}', 304),
        ("{strong}", 304),
        ("*", 304),
        ('W/"other"', 200),
        ("", 200),
        ('"', 200),
        ("{bare}", 200),
    ],
)
def test_a_balance_that_the_caller_has_is_not_sent_again(shared_api, header, status):
    etag = shared_api.get("/accounts/cash/balance")["ETag"]
    sent = header.format(etag=etag, strong=etag.removeprefix("W/"), bare=etag.removeprefix("W/").strip('"'))

    response = shared_api.call("GET", "/accounts/cash/balance", headers={"If-None-Match": sent})

    assert (response.status_code, response["ETag"], response["Cache-Control"]) == (status, etag, "no-cache")
    assert bool(response.content) == (status == 200)


def test_history_has_the_balance_after_each_entry_in_both_directions(api):
    api.operate(("cash", "-5"), ("wallet", "5"), key="in")
    api.operate(("wallet", "-2"), ("cash", "2"), key="out", effective_at="2024-02-29T00:00:00Z")
    api.operate(("wallet", "1"), ("wallet", "1"), ("cash", "-2"), key="twice")

    settle()
    newest = api.get("/accounts/wallet/entries").json()["results"]
    oldest = api.get("/accounts/wallet/entries", order="asc").json()["results"]

    assert [(e["key"], e["amount"], e["balance"]) for e in oldest] == [
        ("in", "5.00", "5.00"),
        ("out", "-2.00", "3.00"),
        ("twice", "1.00", "4.00"),
        ("twice", "1.00", "5.00"),
    ]
    assert newest == oldest[::-1]
    assert oldest[1]["effective_at"] == "2024-02-29T00:00:00.000000Z" < oldest[1]["recorded_at"]
    assert api.get(f"/operations/{oldest[0]['operation']}").json()["key"] == "in"
    assert api.get(f"/entries/{oldest[0]['id']}").json()["account"] == "wallet"


def test_the_sum_of_a_period_is_the_difference_of_its_balances(api):
    for _ in range(6):
        api.operate(("cash", "1.01"))
    settle()
    recorded = [e["recorded_at"] for e in api.get("/accounts/cash/entries", order="asc").json()["results"]]

    for start in recorded:
        for end in recorded:
            rows = api.get("/accounts/cash/entries", **{"from": start, "to": end}).json()["results"]
            assert {row["recorded_at"] for row in rows} == {moment for moment in recorded if start <= moment < end}
            first, last = (
                float(api.get("/accounts/cash/balance", at=moment).json()["balance"]) for moment in (start, end)
            )
            assert sum(float(row["amount"]) for row in rows) == pytest.approx(max(last - first, 0))


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "x"}, "query:from"),
        ({"to": "2024-01-01"}, "query:to"),
        ({"order": "ASC"}, "query:order"),
        ({"since": "2024-01-01T00:00:00Z"}, "query:since"),
        ({"metadata.a": "b"}, "query:metadata.a"),
    ],
)
def test_history_refuses_filters_without_a_meaning(shared_api, query, pointer):
    response = shared_api.get("/accounts/cash/entries", **query)

    assert (response.status_code, pointers(response)) == (400, [pointer])


def test_a_frozen_and_a_closed_account_keep_their_history(api):
    api.operate(("cash", "1"))
    api.operate(("cash", "-1"))
    for status in ("frozen", "closed"):
        assert api.patch("/accounts/cash", {"status": status}).status_code == 200
        assert len(api.get("/accounts/cash/entries").json()["results"]) == 2
        assert api.balance("cash") == "0.00"


def test_a_time_far_ahead_is_refused_and_a_day_ahead_is_not(api):
    soon = (datetime.now(UTC) + timedelta(hours=23)).isoformat()
    later = (datetime.now(UTC) + timedelta(hours=25)).isoformat()

    assert api.operate(("cash", "1"), effective_at=soon).status_code == 201
    assert refusal(api.operate(("cash", "1"), effective_at=later)) == (400, "invalid_request")
