"""What a client with grants sees and may do over the API; what it may not know of cannot be told from what is not there."""

import pytest
from django.utils import timezone

from ledger import inbox, visibility
from security.grants import NewGrant, add_grant
from security.rights import Action
from tests.api.calls import Api, refusal, settle
from tests.security.actors import new_actor

SCOPES = "accounts:read accounts:write operations:read operations:write"


def client_with(book, *grants):
    """A client with grants, as lines: action and prefix."""
    actor = new_actor(name="bound", scopes=SCOPES)
    for line in grants:
        action, prefix = line.split()
        grant = NewGrant(action=Action(action), account_prefix="" if prefix == "*" else prefix)
        add_grant(grant=grant, now=timezone.now(), client_id=actor.client_id)
    return Api(actor.token(), book)


@pytest.fixture
def shop(api):
    """May see and move what begins with shop:, and open such accounts."""
    for code in ("shop:1", "shop:2", "other:1"):
        api.open(code)
    return client_with(api.book, "read shop:", "credit shop:", "debit shop:", "open shop:")


def same(*responses):
    """Responses that say the same, but for their ids."""
    texts = []
    for response in responses:
        body = response.json()
        for its_own in ("request_id", "operation"):
            body.pop(its_own, None)
        texts.append((response.status_code, {**body, "detail": "".join(c for c in body["detail"] if not c.isdigit())}))
    return all(text == texts[0] for text in texts)


@pytest.mark.parametrize(
    "path", ["/accounts/{}", "/accounts/{}/balance", "/accounts/{}/entries", "/operations?account={}"]
)
def test_an_account_of_others_is_unknown(api, shop, path):
    theirs, none = shop.get(path.format("other:1")), shop.get(path.format("nobody:1"))

    assert shop.get(path.format("shop:1")).status_code == 200
    assert refusal(theirs) == (404, "account_unknown")
    assert same(theirs, none)


def test_it_changes_no_account_of_others_and_does_not_hear_of_it(api, shop):
    theirs, none = (shop.patch(f"/accounts/{code}", {"name": "mine"}) for code in ("other:1", "nobody:1"))

    assert refusal(theirs) == (404, "account_unknown")
    assert same(theirs, none)
    assert shop.patch("/accounts/shop:1", {"name": "mine"}).status_code == 200


def test_it_changes_no_account_that_it_may_only_read(api, shop):
    reader = client_with(api.book, "read shop:")

    assert refusal(reader.patch("/accounts/shop:1", {"name": "mine"})) == (403, "forbidden_account")
    assert reader.get("/accounts/shop:1").json()["name"] == ""


def test_it_opens_accounts_within_its_grants_alone(api, shop):
    response = shop.post("/accounts", {"code": "other:2", "unit": "EUR"})
    accounts = [{"code": code, "unit": "EUR"} for code in ("shop:3", "other:1", "other:3")]
    batch = shop.post("/accounts/batch", {"accounts": accounts})

    assert refusal(response) == (403, "forbidden_account")
    assert response.json()["errors"][0]["pointer"] == "/code"
    assert [r.get("error", r["status"]) for r in batch.json()["results"]] == ["created", *["forbidden_account"] * 2]
    assert api.get("/accounts/other:3").status_code == 404


def test_it_lists_its_accounts_page_by_page(api, shop):
    codes, page = [], shop.get("/accounts", limit=1).json()
    while page["results"]:
        codes += [account["code"] for account in page["results"]]
        page = shop.get(page["next"]).json() if page["next"] else {"results": []}

    assert codes == ["shop:1", "shop:2"]


def test_it_posts_within_its_grants_alone(api, shop):
    batch = [("a", "shop:1"), ("b", "other:1"), ("c", "nobody:1")]
    operations = [{"key": key, "entries": [{"account": code, "amount": "1"}]} for key, code in batch]

    assert shop.operate(("shop:1", "5")).status_code == 201
    assert refusal(shop.operate(("other:1", "5"))) == (422, "forbidden_account")
    assert same(*(shop.operate((code, "5")) for code in ("other:1", "nobody:1")))
    results = shop.post("/batches", {"operations": operations}).json()["results"]
    assert [r.get("code", r["status"]) for r in results] == ["created", "forbidden_account", "forbidden_account"]


@pytest.mark.parametrize("path", ["/operations/{}", "/operations/{}/lineage"])
def test_it_reads_its_own_operations_and_those_whose_accounts_it_may_all_read(api, shop, path):
    whole = api.operate(("shop:1", "1"), ("shop:2", "-1")).json()["id"]
    part = api.operate(("shop:1", "1"), ("other:1", "-1")).json()["id"]
    own_refused = shop.operate(("other:1", "1")).json()["operation"]

    assert shop.get(path.format(whole)).status_code == shop.get(path.format(own_refused)).status_code == 200
    assert refusal(shop.get(path.format(part))) == (404, "operation_unknown")
    assert same(shop.get(path.format(part)), shop.get(path.format(2**40)))


def test_an_entry_of_others_is_unknown(api, shop):
    part = api.operate(("shop:1", "1"), ("other:1", "-1")).json()["entries"]
    whole = api.operate(("shop:1", "1")).json()["entries"]

    assert shop.get(f"/entries/{whole[0]['id']}").status_code == 200
    assert refusal(shop.get(f"/entries/{part[0]['id']}")) == (404, "entry_unknown")
    assert same(shop.get(f"/entries/{part[1]['id']}"), shop.get(f"/entries/{2**40}"))


def test_a_refused_operation_of_others_is_read_where_its_accounts_may_be(api, shop):
    api.open("shop:floored", floor="0")
    api.open("other:floored", floor="0")
    mine = api.operate(("shop:floored", "-1")).json()["operation"]
    theirs = api.operate(("other:floored", "-1")).json()["operation"]
    unclear = api.operate(("nobody:1", "-1")).json()["operation"]

    assert [shop.get(f"/operations/{id_}").status_code for id_ in (mine, theirs, unclear)] == [200, 404, 404]


def test_what_it_may_not_know_of_cannot_be_reversed_either(api, shop):
    part = api.operate(("shop:1", "1"), ("other:1", "-1")).json()["id"]
    whole = api.operate(("shop:1", "1")).json()["id"]

    assert same(*(shop.post(f"/operations/{id_}/reversal") for id_ in (part, 2**40)))
    assert refusal(shop.post(f"/operations/{whole}/reversal")) == (422, "forbidden_account")
    later = {"Prefer": "respond-async"}
    assert same(*(shop.post(f"/operations/{id_}/reversal", headers=later) for id_ in (part, 2**40)))


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_list_shows_what_it_may_know_of_forwards_and_back(api, shop, order, monkeypatch):
    monkeypatch.setattr(visibility, "READABLE_SCAN_ROWS", 3)
    monkeypatch.setattr(visibility, "READABLE_SCANS_MAX", 1)
    visible = []
    for number in range(14):
        account = "shop:1" if number % 4 == 0 else "other:1"
        operation_id = api.operate((account, "1")).json()["id"]
        if account == "shop:1":
            visible.append(operation_id)
    settle()

    pages, page = [], shop.get("/operations", order=order, limit=2).json()
    while page["next"]:
        pages.append(page)
        page = shop.get(page["next"]).json()
    pages.append(page)
    back = [page]
    while page["previous"]:
        page = shop.get(page["previous"]).json()
        back.append(page)

    forwards = [o["id"] for page in pages for o in page["results"]]
    backwards = [o["id"] for page in reversed(back) for o in page["results"]]
    assert forwards == (visible if order == "asc" else visible[::-1])
    assert [each for each in forwards if each in backwards] == backwards
    assert set(backwards) == set(forwards)


def test_a_message_that_waited_is_judged_by_the_grants_of_its_turn(api, shop):
    stored = shop.post(
        "/operations",
        {"entries": [{"account": "other:1", "amount": "1"}]},
        key="later",
        headers={"Prefer": "respond-async"},
    )
    inbox.drain()

    assert stored.status_code == 202
    assert shop.get("/messages", key="later").json()["outcome"] == "forbidden_account"


def test_a_receipt_is_for_who_may_read_or_verify(api, shop):
    own, part = api.operate(("shop:1", "1")).json()["id"], api.operate(("other:1", "1")).json()["id"]
    auditor = client_with(api.book, "verify *")

    assert auditor.get(f"/operations/{part}/receipt").status_code == 200
    assert refusal(auditor.get(f"/operations/{part}")) == (404, "operation_unknown")
    assert shop.get(f"/operations/{own}/receipt").status_code == 200
    assert refusal(shop.get(f"/operations/{part}/receipt")) == (404, "operation_unknown")
