"""Operations over REST: what is answered, and with which headers."""

import pytest
from tests.api.calls import refusal


def test_smoke(api):
    r = api.operate(("cash", "-5.00"), ("wallet", "5"))
    print(r.json(), r.headers)
    assert r.status_code == 201
    assert api.balance("wallet") == "5.00"
    assert refusal(api.operate(("wallet", "-6"))) == (422, "below_floor")
    assert refusal(api.get("/nothing")) == (404, "not_found")
    for p in (
        "/accounts",
        "/accounts/wallet",
        "/accounts/wallet/entries",
        "/operations",
        "/operations/" + r.json()["id"],
        "/operations/" + r.json()["id"] + "/lineage",
        "/entries/" + r.json()["entries"][0]["id"],
    ):
        x = api.get(p)
        print(p, x.status_code)
        assert x.status_code == 200
