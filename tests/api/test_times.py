"""Times that must be refused, in bodies and in queries."""

import pytest

from tests.api.calls import adds, pointers

REFUSED = [
    *(
        "2024-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-13-01T00:00:00Z",
    ),
    *(
        "0000-01-01T00:00:00Z",
        "-2024-01-01T00:00:00Z",
        "+02024-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "24-01-01T00:00:00Z",
    ),
    *(
        "2024-01-01T00:00:00",
        "2024-01-01",
        "2024-01-01T00:00Z",
        "2024-01-01T00Z",
        "2024-01-01 00:00:00Z",
        "20240101T000000Z",
    ),
    *(
        "2016-12-31T23:59:60Z",
        "2024-01-01T23:59:60Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T25:00:00Z",
        "2024-01-01T00:60:00Z",
    ),
    *("2024-01-01T00:00:61Z", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+00:60", "2024-01-01T00:00:00+0100"),
    *(
        "2024-01-01T00:00:00+01",
        "2024-01-01T00:00:00 UTC",
        "2024-01-01T00:00:00 +01:00",
        "2024-01-01T00:00:00Europe/Paris",
    ),
    *("2024-01-01T00:00:00.Z", "2024-01-01T00:00:00,5Z", "2024-01-01T00:00:00.1234567890Z", "2024-1-1T00:00:00Z"),
    *(
        "2024-W01-1T00:00:00Z",
        "2024-001T00:00:00Z",
        "٢٠٢٤-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\n",
        " 2024-01-01T00:00:00Z",
    ),
    *("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "", "now", "null", "1704067200", "1704067200.5", "\0"),
]
TAKEN = {
    "2024-02-29T12:30:00Z": "2024-02-29T12:30:00.000000Z",
    "2024-02-29t12:30:00z": "2024-02-29T12:30:00.000000Z",
    "2024-02-29T12:30:00.5+05:30": "2024-02-29T07:00:00.500000Z",
    "2024-02-29T12:30:00.123456789Z": "2024-02-29T12:30:00.123456Z",
    "2024-02-29T00:00:00-23:59": "2024-02-29T23:59:00.000000Z",
    "2024-02-29T12:30:00-00:00": "2024-02-29T12:30:00.000000Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00.000000Z",
    "1582-10-10T00:00:00Z": "1582-10-10T00:00:00.000000Z",
    "1969-12-31T23:59:59Z": "1969-12-31T23:59:59.000000Z",
}


@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_what_is_no_moment_is_refused_everywhere(shared_api, text):
    body = {"entries": [{"account": "cash", "amount": "1"}], "effective_at": text}

    with adds(shared_api):
        single = shared_api.post("/operations", body)
        batch = shared_api.post("/batches", {"operations": [{"key": "k", **body}]})

    assert (single.status_code, pointers(single)) == (400, ["/effective_at"])
    assert (batch.status_code, pointers(batch)) == (400, ["/operations/0/effective_at"])
    assert "RFC 3339" in single.json()["detail"]
    for path, names in (("/accounts/cash/balance", ["at", "effective_at"]), ("/accounts/cash/entries", ["from", "to"])):
        for name in names:
            response = shared_api.get(path, **{name: text})
            assert (response.status_code, pointers(response)) == (400, [f"query:{name}"])


@pytest.mark.parametrize("text", [None, 0, 1704067200, True, [], {}])
def test_what_is_no_text_is_no_time(shared_api, text):
    body = {"entries": [{"account": "cash", "amount": "1"}], "effective_at": text}

    with adds(shared_api, operations=int(text is None), entries=int(text is None)):
        assert shared_api.post("/operations", body).status_code == (201 if text is None else 400)


@pytest.mark.parametrize(("text", "stored"), TAKEN.items())
def test_a_moment_is_kept_in_utc(api, text, stored):
    document = api.operate(("cash", "1"), effective_at=text).json()

    assert document["effective_at"] == stored
    assert api.get(f"/operations/{document['id']}").json()["effective_at"] == stored
    assert api.get("/accounts/cash/balance", effective_at=text).json()["balance"] == "0.00"
    assert api.get("/accounts/cash/entries").json()["results"][0]["effective_at"] == stored


def test_a_leap_second_has_no_place_and_the_message_says_so(shared_api):
    response = shared_api.operate(("cash", "1"), effective_at="2016-12-31T23:59:60Z")

    assert response.json()["errors"][0]["code"] == "invalid_time"
