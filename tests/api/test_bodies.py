"""Bodies that must be refused: whatever stands in them, a 4xx and nothing left behind."""

import json

import pytest

from tests.api.calls import adds, pointers, refusal

POSTS = ["/operations", "/batches", "/accounts", "/accounts/batch"]
ENTRY = {"account": "cash", "amount": "1"}


@pytest.mark.foreign
@pytest.mark.parametrize("kind", ["y_", "n_", "i_"])
def test_no_file_of_the_parsing_suite_is_a_request(shared_api, foreign_data, kind):
    files = sorted((foreign_data / "json" / "test_parsing").glob(f"{kind}*.json"))
    assert len(files) > 30
    operation = shared_api.operate(("cash", "1")).json()["id"]
    accounts = shared_api.get("/accounts").json()

    with adds(shared_api):
        for file in files:
            body = file.read_bytes()
            for path in POSTS:
                response = shared_api.post(path, body)
                assert response.status_code == 400, (path, file.name, response.content)
                assert response.json()["errors"], file.name
            if json_or_none(body) != {}:  # an empty object changes nothing, and reverses without words
                assert shared_api.patch("/accounts/cash", body).status_code == 400, file.name
                if body:
                    assert shared_api.post(f"/operations/{operation}/reversal", body).status_code == 400, file.name

    assert shared_api.get("/accounts").json() == accounts


def json_or_none(body):
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b'{"entries": [}',
        b'{"entries": [{"account": "cash", "amount": "1"}]',
        b'{"entries": [{"account": "cash", "amount": "1"}]} x',
        b'{"entries": [{"account": "cash", "amount": "1"}]}{}',
        b'{"entries": [{"account": "cash", "amount": "1"},]}',
        b"{'entries': []}",
        b"{entries: []}",
        b'\xef\xbb\xbf{"entries": [{"account": "cash", "amount": "1"}]}',
        '{"entries": [{"account": "cash", "amount": "1"}]}'.encode("utf-16"),
        '{"entries": [{"account": "cash", "amount": "1"}]}'.encode("utf-16-le"),
        '{"entries": [{"account": "cash", "amount": "1"}]}'.encode("utf-32"),
        b'{"entries": [{"account": "cash", "amount": "1"}], "description": "caf\xe9"}',
        b'{"entries": [{"account": "cash", "amount": "1"}], "description": "a\x00b"}',
        b'{"entries": [{"account": "cash", "amount": "1"}], "description": "a\nb"}',
        b'{"entries": [{"account": "cash", "amount": "1"}]}\x00',
        b"\x1f\x8b\x08\x00",
        b"a=b&c=d",
        b"<xml/>",
    ],
    ids=lambda body: ascii(body)[:40],
)
def test_what_is_no_json_object_of_the_shape_is_refused(shared_api, path, body):
    with adds(shared_api):
        response = shared_api.post(path, body)

    assert response.status_code == 400
    assert response.json()["code"] in {"invalid_json", "invalid_request"}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "start", ["[", '{"entries":', '{"operations":[', '{"accounts":[', '{"metadata":{"a":', '{"entries":[{"amount":']
)
@pytest.mark.parametrize("closed", [True, False])
def test_a_hundred_thousand_levels_are_refused(shared_api, path, start, closed):
    depth = 100_000
    end = "".join({"[": "]", "{": "}"}.get(character, "") for character in reversed(start))
    body = start * depth + ("1" + end * depth if closed else "")

    with adds(shared_api):
        assert shared_api.post(path, body.encode()).status_code == 400


# Bodies in which an object has one member twice, and where.
TWICE = [
    ("/operations", '{"entries": [{"account": "cash", "amount": "1", "amount": "1000"}]}', ""),
    ("/operations", '{"entries": [{"account": "cash", "amount": "1", "amount": "1"}]}', ""),
    ("/operations", '{"entries":[{"account":"cash","amount":"1","\\u0061mount":"1000"}]}', ""),
    ("/operations", '{"entries":[{"account":"cash","amount" :"1"\n,\t"amount"\t:\n"2"}]}', ""),
    ("/operations", '{"entries":[{"account":"cash","account":"wallet","amount":"1"}]}', ""),
    ("/operations", '{"entries":[{"account":"cash","amount":"1"}],"entries":[{"account":"cash","amount":"2"}]}', ""),
    ("/operations", '{"entries":[],"entries":[{"account":"cash","amount":"2"}]}', ""),
    ("/operations", '{"entries":[{"account":"cash","amount":"1"}],"metadata":{"a":"1","a":"2"}}', ""),
    (
        "/operations",
        '{"entries":[{"account":"cash","amount":"1"}],"metadata":{"a":"1","\\u0061":"2","b":"\\u0022\\u0022\\u0022\\u0022"}}',
        "",
    ),
    ("/operations", '{"entries":[{"account":"cash","amount":"1"}],"description":null,"description":"x"}', ""),
    ("/operations", '{"entries":[{"account":"cash","amount":"1","unit":null,"unit":null}]}', ""),
    (
        "/operations",
        '{"entries":[{"account":"cash","amount":"1"}],"description":"\\u0022","effective_at":null,"effective_at":null}',
        "",
    ),
    ("/batches", '{"operations":[{"key":"a","key":"b","entries":[{"account":"cash","amount":"1"}]}]}', "/operations/0"),
    (
        "/batches",
        '{"operations":[{"key":"a","entries":[{"account":"x","amount":"1"}]},{"key":"b","key":"c","entries":[]}]}',
        "/operations/1",
    ),
    ("/batches", '{"operations":[],"operations":[{"key":"a","entries":[{"account":"cash","amount":"1"}]}]}', ""),
    (
        "/batches",
        '{"mode":"all","operations":[{"key":"a","entries":[{"account":"cash","amount":"1"}]}],"mode":"each"}',
        "",
    ),
    ("/accounts", '{"code":"a","code":"b","unit":"EUR"}', ""),
    ("/accounts", '{"code":"a","unit":"EUR","floor":"0","floor":null}', ""),
    ("/accounts", '{"code":"a","unit":"EUR","name":"","name":""}', ""),
    ("/accounts/batch", '{"accounts":[{"code":"a","unit":"EUR","metadata":{"a":"1","a":"1"}}]}', ""),
    ("/accounts/batch", '{"accounts":[{"code":"a","unit":"EUR"}],"accounts":[{"code":"b","unit":"EUR"}]}', ""),
]


@pytest.mark.parametrize(("path", "body", "pointer"), TWICE)
def test_a_member_that_stands_twice_is_refused_for_neither_is_sure(shared_api, path, body, pointer):
    accounts = shared_api.get("/accounts").json()

    with adds(shared_api):
        response = shared_api.post(path, body.encode())

    assert (response.status_code, pointers(response)) == (400, [pointer])
    assert response.json()["errors"][0]["code"] == "duplicate_member"
    assert "twice" in response.json()["detail"]
    assert shared_api.get("/accounts").json() == accounts


def test_a_member_that_stands_twice_in_a_change_is_refused(shared_api):
    response = shared_api.patch("/accounts/cash", b'{"floor":"0","floor":null}')

    assert response.json()["errors"][0]["code"] == "duplicate_member"


@pytest.mark.parametrize(
    "words",
    [
        {"description": '"amount": "1", "amount": "2"'},
        {"description": '\\"amount\\"', "metadata": {"amount": "entries", '"': '""""', "b": "\\u0022 "}},
        {"metadata": {"a": '{"a": 1, "a": 2}', "A": "", "á": "\u0022"}},
        {"description": None, "metadata": None, "effective_at": None},
        {"metadata": {}},
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_only_looks_like_a_member_twice_is_taken(api, words, ascii_only):
    body = json.dumps(
        {"entries": [ENTRY, {**ENTRY, "amount": "-1", "unit": None}], **words}, ensure_ascii=ascii_only, indent=2
    )
    body = body.replace('\\"', "\\u0022") if ascii_only else body

    response = api.post("/operations", body.encode())

    assert response.status_code == 201
    assert response.json()["description"] == words.get("description")
    assert response.json()["metadata"] == (words.get("metadata") or {})


TEXTS = ["/description", "/metadata/a", "/entries/0/account", "/entries/0/unit", "/entries/0/amount", "/effective_at"]


@pytest.mark.parametrize("pointer", TEXTS)
@pytest.mark.parametrize(
    "escaped",
    [
        "\\ud800",
        "\\udfff",
        "a\\udc00b",
        "\\ud800\\u0041",
        "\\ud800\\ud800",
        "\\ud83d",
        "\\uDE00\\uD83D",
        "\\u00",
        "\\x41",
        "\\u0000",
    ],
)
def test_lone_surrogates_and_nul_are_refused_wherever_they_stand(shared_api, pointer, escaped):
    body = {"entries": [{**ENTRY}], "metadata": {}}
    place = body
    *way, last = pointer.strip("/").split("/")
    for step in way:
        place = place[int(step)] if step.isdecimal() else place[step]
    place[last] = "@"
    text = json.dumps(body).replace("@", escaped).encode()
    batch = b'{"operations":[{"key":"k",' + text[1:] + b"]}"

    if (pointer, escaped) == ("/entries/0/unit", "\\u0000"):  # a unit is only compared, and this is not the account's
        with adds(shared_api, operations=1):
            assert refusal(shared_api.post("/operations", text)) == (422, "unit_mismatch")
        return
    with adds(shared_api):
        assert shared_api.post("/operations", text).status_code == 400
        assert shared_api.post("/batches", batch).status_code == 400


@pytest.mark.parametrize("escaped", ["\\ud800", "\\u0000", "\\udc00x"])
@pytest.mark.parametrize("member", ["code", "unit", "name", "floor", "metadata"])
def test_lone_surrogates_and_nul_are_refused_in_an_account(shared_api, member, escaped):
    value = '{"a":"@"}' if member == "metadata" else '"@"'
    account = {"code": "new", "unit": "EUR"} | {member: "#"}
    text = json.dumps(account).replace('"#"', value).replace("@", escaped).encode()

    assert shared_api.post("/accounts", text).status_code == 400
    assert shared_api.post("/accounts/batch", b'{"accounts":[' + text + b"]}").status_code == 400
    if member not in {"code", "unit"}:
        change = json.dumps({member: "#"}).replace('"#"', value).replace("@", escaped).encode()
        assert shared_api.patch("/accounts/cash", change).status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/operations", {"entries": [ENTRY], "note": "x"}),
        ("/operations", {"entries": [ENTRY], "key": "x"}),
        ("/operations", {"entries": [{**ENTRY, "currency": "EUR"}]}),
        ("/operations", {"entries": [ENTRY], "Description": "x"}),
        ("/operations", {"entries": [ENTRY], "": "x"}),
        ("/operations/{id}/reversal", {"reason": "x"}),
        ("/operations/{id}/reversal", {"entries": [ENTRY]}),
        ("/batches", {"operations": [{"key": "k", "entries": [ENTRY]}], "atomic": True}),
        ("/batches", {"operations": [{"key": "k", "entries": [ENTRY], "reverses": "1"}]}),
        ("/accounts", {"code": "a", "unit": "EUR", "balance": "5"}),
        ("/accounts", {"code": "a", "unit": "EUR", "status": "open"}),
        ("/accounts/batch", {"accounts": [{"code": "a", "unit": "EUR", "book": "main"}]}),
    ],
)
def test_an_unknown_member_is_refused(api, path, body):
    path = path.format(id=api.operate(("cash", "1")).json()["id"])

    with adds(api):
        response = api.post(path, body)

    assert refusal(response) == (400, "invalid_request")


def test_metadata_and_description_have_limits(shared_api):
    for words in (
        {"description": "x" * 1_001},
        {"metadata": {"a": "x" * 501}},
        {"metadata": {"x" * 65: "a"}},
        {"metadata": {str(number): "a" for number in range(51)}},
    ):
        with adds(shared_api):
            assert shared_api.operate(("cash", "1"), **words).status_code == 400


def test_metadata_at_its_limits_comes_back_exactly(api):
    metadata = {f"{number:02}" + "é" * 62: "😀" * 500 for number in range(50)}
    words = {"description": "ж" * 1_000, "metadata": metadata}

    response = api.operate(("cash", "1"), **words)

    assert response.status_code == 201
    read = api.get(f"/operations/{response.json()['id']}").json()
    assert (read["description"], read["metadata"]) == (words["description"], metadata)
