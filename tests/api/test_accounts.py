"""Accounts over REST: open one or many, read, list, change attributes."""

from urllib.parse import quote

import pytest

from accounts.limits import OPEN_BATCH_ROWS_MAX
from accounts.models import Account, AccountChange
from tests.api.calls import pointers, refusal


def test_it_opens_an_account_and_tells_where_it_is(empty_api):
    attributes = {"code": "user:42:wallet", "unit": "EUR", "floor": "-5", "name": "Wallet", "metadata": {"user": "42"}}

    response = empty_api.post("/accounts", attributes)

    document = response.json()
    assert response.status_code == 201
    assert document.pop("opened_at").endswith("Z")
    assert document == {**attributes, "floor": "-5.00", "book": empty_api.book, "status": "open"}
    assert response["Location"] == f"{empty_api.root}/accounts/user:42:wallet"
    assert empty_api.get(response["Location"]).json()["code"] == "user:42:wallet"


@pytest.mark.parametrize("code", ["a", "x" * 128, "...", "-", "A:b_c.d-e", "счёт:1", "账户", "नमस्ते", "e\u0301", "١٢"])
def test_it_opens_codes_of_any_script_and_finds_them_where_it_says(empty_api, code):
    response = empty_api.post("/accounts", {"code": code, "unit": "EUR"})

    assert response.status_code == 201
    assert response["Location"].isascii()
    assert empty_api.get(response["Location"]).json()["code"] == code
    assert empty_api.balance(code) == "0.00"


def test_it_tells_codes_apart_by_their_exact_characters(empty_api):
    for code in ("straße", "strasse", "Straße", "stra\u00dfe.", "e\u0301", "\u00e9"):
        assert empty_api.post("/accounts", {"code": code, "unit": "EUR"}).status_code == 201


def test_it_opens_the_same_account_once(empty_api):
    attributes = {"code": "wallet", "unit": "EUR", "floor": "0", "name": "Wallet", "metadata": {"a": "b"}}
    first = empty_api.post("/accounts", attributes)

    again = empty_api.post("/accounts", {**attributes, "floor": "0.00"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


@pytest.mark.parametrize(
    "other", [{"unit": "USD"}, {"floor": "1"}, {"floor": None}, {"name": "x"}, {"metadata": {"a": "c"}}]
)
def test_it_refuses_an_account_that_exists_with_other_attributes(empty_api, other):
    attributes = {"code": "wallet", "unit": "EUR", "floor": "0", "name": "Wallet", "metadata": {"a": "b"}}
    first = empty_api.post("/accounts", attributes)

    again = empty_api.post("/accounts", {**attributes, **other})

    assert refusal(again) == (409, "account_exists")
    assert pointers(again) == ["/code"]
    assert empty_api.get("/accounts/wallet").json() == first.json()


@pytest.mark.parametrize("unit", ["", "XXX", "eur", "E" * 1_000, "€"])
def test_it_refuses_an_unknown_unit(empty_api, unit):
    response = empty_api.post("/accounts", {"code": "wallet", "unit": unit})

    assert refusal(response) == (422, "unit_unknown")
    assert pointers(response) == ["/unit"]
    assert empty_api.get("/accounts").json()["results"] == []


@pytest.mark.parametrize("code", ["batch", ".", ".."])
def test_it_opens_no_code_that_an_address_would_mistake(empty_api, code):
    response = empty_api.post("/accounts", {"code": code, "unit": "EUR"})

    assert (response.status_code, pointers(response)) == (400, ["/code"])


def test_it_opens_a_batch_with_one_result_each_in_order(empty_api):
    empty_api.open("first", "USD")
    codes_and_units = [("third", "EUR"), ("first", "EUR"), ("second", "XXX"), ("first", "USD"), ("third", "EUR")]

    response = empty_api.post("/accounts/batch", {"accounts": [{"code": c, "unit": u} for c, u in codes_and_units]})

    assert response.json()["results"] == [
        {"code": "third", "status": "created"},
        {"code": "first", "status": "refused", "error": "account_exists"},
        {"code": "second", "status": "refused", "error": "unit_unknown"},
        {"code": "first", "status": "exists"},
        {"code": "third", "status": "exists"},
    ]
    assert [account["code"] for account in empty_api.get("/accounts").json()["results"]] == ["first", "third"]


def test_it_opens_no_account_of_a_batch_with_one_malformed(empty_api):
    accounts = [{"code": f"a{number}", "unit": "EUR"} for number in range(5)]
    accounts[1] |= {"code": "a b"}
    accounts[3] |= {"floor": "1e2", "metadata": {"": "x"}}
    accounts[4] |= {"floor": "0.001"}

    response = empty_api.post("/accounts/batch", {"accounts": accounts})

    assert refusal(response) == (400, "invalid_request")
    assert pointers(response) == ["/accounts/1/code", "/accounts/3/floor", "/accounts/3/metadata/", "/accounts/4/floor"]
    assert empty_api.get("/accounts").json()["results"] == []


def test_it_opens_as_many_accounts_in_a_batch_as_the_limit_says_and_no_more(empty_api):
    accounts = [{"code": f"a{number:05}", "unit": "EUR"} for number in range(OPEN_BATCH_ROWS_MAX + 1)]

    assert pointers(empty_api.post("/accounts/batch", {"accounts": accounts})) == ["/accounts"]
    assert pointers(empty_api.post("/accounts/batch", {"accounts": []})) == ["/accounts"]
    assert empty_api.get("/accounts").json()["results"] == []

    results = empty_api.post("/accounts/batch", {"accounts": accounts[:OPEN_BATCH_ROWS_MAX]}).json()["results"]
    assert {result["status"] for result in results} == {"created"}
    assert [result["code"] for result in results] == [account["code"] for account in accounts[:-1]]


@pytest.fixture(scope="module")
def listed(new_book):
    api = new_book(empty=True)
    api.post(
        "/accounts/batch",
        {"accounts": [{"code": c, "unit": u} for c, u in (("a:1", "EUR"), ("a:2", "USD"), ("b:1", "EUR"))]},
    )
    api.post("/accounts/batch", {"accounts": [{"code": c, "unit": "EUR"} for c in ("a:3", "á", "A")]})
    api.patch("/accounts/a:3", {"status": "frozen"})
    api.patch("/accounts/b:1", {"status": "closed"})
    return api


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({}, "A a:1 a:2 a:3 b:1 á"),
        ({"order": "asc"}, "A a:1 a:2 a:3 b:1 á"),
        ({"order": "desc"}, "á b:1 a:3 a:2 a:1 A"),
        ({"prefix": "a:"}, "a:1 a:2 a:3"),
        ({"prefix": "a:", "order": "desc"}, "a:3 a:2 a:1"),
        ({"prefix": ""}, "A a:1 a:2 a:3 b:1 á"),
        ({"prefix": "%"}, ""),
        ({"prefix": "á"}, "á"),
        ({"unit": "EUR"}, "A a:1 a:3 b:1 á"),
        ({"unit": "XXX"}, ""),
        ({"status": "open"}, "A a:1 a:2 á"),
        ({"status": "frozen"}, "a:3"),
        ({"status": "closed"}, "b:1"),
        ({"prefix": "a", "unit": "EUR", "status": "open"}, "a:1"),
        ({"prefix": "a", "unit": "EUR", "status": "open", "limit": 1, "order": "desc"}, "a:1"),
    ],
)
def test_it_lists_by_code_with_filters_that_combine(listed, query, codes):
    assert [account["code"] for account in listed.get("/accounts", **query).json()["results"]] == codes.split()


@pytest.mark.parametrize("query", [{"status": "openn"}, {"status": ""}, {"order": "up"}, {"order": ""}, {"code": "a"}])
def test_it_refuses_filters_without_a_meaning(listed, query):
    response = listed.get("/accounts", **query)

    assert (response.status_code, pointers(response)) == (400, [f"query:{next(iter(query))}"])


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({}, {}),
        ({"name": "New"}, {"name": "New"}),
        ({"name": ""}, {"name": ""}),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        ({"floor": "-10"}, {"floor": "-10.00"}),
        ({"floor": "1000000"}, {"floor": "1000000.00"}),
        ({"floor": None}, {"floor": None}),
        ({"floor": "-0"}, {"floor": "0.00"}),
        ({"status": "frozen"}, {"status": "frozen"}),
        ({"status": "closed"}, {"status": "closed"}),
        ({"name": "Bye", "floor": None, "status": "frozen"}, {"name": "Bye", "floor": None, "status": "frozen"}),
    ],
)
def test_it_changes_what_is_given_and_records_it(api, change, answer):
    before = api.get("/accounts/wallet").json()

    response = api.patch("/accounts/wallet", change)

    assert response.status_code == 200
    assert response.json() == {**before, **answer} == api.get("/accounts/wallet").json()
    account = Account.objects.get(book__name=api.book, code="wallet")
    recorded = AccountChange.objects.filter(account_id=account.id, reason="API")
    assert recorded.exists() == ({**before, **answer} != before)


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"status": "gone"}, ["/status"]),
        ({"status": "closing"}, ["/status"]),
        ({"floor": "0.001"}, ["/floor"]),
        ({"floor": "9" * 38}, ["/floor"]),
        (
            {"name": "x" * 201, "metadata": {"": ""}, "status": "", "floor": "x"},
            ["/name", "/metadata/", "/status", "/floor"],
        ),
        ({"code": "other"}, [""]),
        ({"status": None}, ["/status"]),
    ],
)
def test_it_changes_nothing_for_a_malformed_change(api, change, codes):
    before = api.get("/accounts/wallet").json()

    response = api.patch("/accounts/wallet", change)

    assert (response.status_code, pointers(response)) == (400, codes)
    assert api.get("/accounts/wallet").json() == before


def test_it_closes_only_an_empty_account_and_for_ever(api):
    api.operate(("wallet", "5"))

    assert refusal(api.patch("/accounts/wallet", {"status": "closed"})) == (409, "balance_not_zero")
    assert api.get("/accounts/wallet").json()["status"] == "open"
    assert api.operate(("wallet", "-5")).status_code == 201
    assert api.patch("/accounts/wallet", {"status": "closed"}).json()["status"] == "closed"
    assert refusal(api.patch("/accounts/wallet", {"status": "open"})) == (409, "account_closed")
    assert refusal(api.patch("/accounts/wallet", {"floor": "1"})) == (409, "account_closed")
    assert api.patch("/accounts/wallet", {"name": "Closed", "status": "closed"}).json()["name"] == "Closed"


@pytest.mark.parametrize("suffix", ["", "/balance", "/entries"])
@pytest.mark.parametrize(
    "code", ["nobody", "Wallet", "wallet ", "wal let", "a/b", "\0", "😀", "%", "%2e", "x" * 200, "-1"]
)
def test_it_knows_no_other_account(shared_api, suffix, code):
    response = shared_api.get(f"/accounts/{quote(code, safe='')}{suffix}")

    assert response.status_code == 404
    assert response.json()["code"] in {"account_unknown", "not_found"}


def test_it_keeps_books_apart(api, empty_api):
    assert refusal(empty_api.get("/accounts/wallet")) == (404, "account_unknown")
    assert empty_api.post("/accounts", {"code": "wallet", "unit": "USD"}).status_code == 201
    assert api.get("/accounts/wallet").json()["unit"] == "EUR"
