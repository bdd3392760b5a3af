"""Three judges of one corpus: what reads requests (msgspec), the serializers, and the JSON schema made of them.

A body is wrong for all of them or for none. The few that JSON Schema, or a serializer without clock and units, cannot
judge are listed with their reason.
"""

import pytest

from ledger.api.schema.accounts import AccountChangeSerializer, NewAccountSerializer, NewAccountsSerializer
from ledger.api.schema.batches import BatchSerializer
from ledger.api.schema.operations import NewOperationSerializer, ReversalSerializer
from tests.api import declared

ENTRY = {"account": "cash", "amount": "1.00"}
ACCOUNT = {"code": "corpus", "unit": "EUR"}
NO_TEXT = [None, True, 0, 1.5, [], {}, ["a"], {"a": "b"}]
NO_NULL = NO_TEXT[1:]
NO_AMOUNT = [
    "",
    " ",
    "0",
    "0.00",
    "-0",
    "-0.00",
    "1.",
    ".5",
    "+5",
    "--5",
    " 5",
    "5 ",
    "5\n",
    "1e2",
    "1E2",
    "0x10",
    "1_000",
]
NO_AMOUNT += [
    "1,5",
    "1,000.00",
    "(250.00)",
    "NaN",
    "Infinity",
    "-Infinity",
    "٣",
    "\uff15",
    "½",
    "€5",
    "5-",
    "1.2.3",
    "-",
    ".",
]
NO_AMOUNT += ["1" * 39, "-" + "1" * 39, "1." + "1" * 38, "0" * 41, "null", "true", *NO_TEXT]
AMOUNTS = ["1", "-1", "0.01", "-12.34", "007.00", "1" * 38, "-" + "1" * 38, "1" * 20 + "." + "1" * 18, "1.000"]
NO_METADATA = [True, 0, "x", [], ["a"], {"a": 1}, {"a": None}, {"a": {}}, {"": "x"}, {"a" * 65: "x"}, {"a": "x" * 501}]
NO_METADATA += [{str(number): "x" for number in range(51)}]
METADATA = [
    {},
    {"a": ""},
    {"a": "x" * 500},
    {"a" * 64: "x"},
    {str(number): "x" for number in range(50)},
    {"a/b~c": "é"},
]
NO_TIME = ["", "now", "2024-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00"]
NO_TIME += ["2024-01-01T24:00:00Z", "2024-01-01", "2024-01-01T00:00Z", "20240101T000000Z", "2024-01-01T00:00:00+24:00"]
NO_TIME += ["2024-01-01T00:00:00+0100", "2024-01-01T00:00:00+01", "2024-01-01T00:00:00.Z", "2024-1-1T00:00:00Z"]
NO_TIME += ["2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z", "2024-01-01T00:00:00+05:60", "1704067200", *NO_NULL]
TIMES = [
    "2024-02-29T12:30:00Z",
    "2024-02-29t12:30:00z",
    "2024-02-29T12:30:00.123456789+05:30",
    "1969-12-31T23:59:59-23:59",
]


def operation(**members):
    return {"entries": [ENTRY], **members}


def entry(**members):
    return {"entries": [{**ENTRY, **members}]}


def without(body, name):
    return {member: value for member, value in body.items() if member != name}


def words(make):
    """Bodies right and wrong in what an operation says beside its entries."""
    right = [make(description=text) for text in ("", None, "x" * 1_000, "naïve 😀")]
    right += [make(metadata=value) for value in [None, *METADATA]]
    right += [make(effective_at=value) for value in [None, *TIMES]]
    wrong = [make(description=value) for value in ["x" * 1_001, "\0", *NO_NULL]]
    wrong += [make(metadata=value) for value in [*NO_METADATA, {"a": "\0"}, {"\0": "a"}]]
    wrong += [make(effective_at=value) for value in [*NO_TIME, "2024-06-30T23:59:60Z"]]
    return right, [*wrong, make(note="x"), make(Entries=[])]


def operations(make=operation):
    right, wrong = words(make)
    right += [make(entries=[{**ENTRY, "amount": amount}]) for amount in AMOUNTS]
    right += [make(entries=[ENTRY] * 2), make(entries=[{**ENTRY, "account": "x" * 128}])]
    right += [make(entries=[{**ENTRY, "unit": unit}]) for unit in (None, "EUR", "", "XXX")]
    wrong += [make(entries=[{**ENTRY, "amount": amount}]) for amount in NO_AMOUNT]
    wrong += [make(entries=[{**ENTRY, "account": code}]) for code in ["", "x" * 129, "a\nb", "a\0", *NO_TEXT]]
    wrong += [make(entries=[{**ENTRY, "unit": unit}]) for unit in NO_NULL]
    wrong += [make(entries=value) for value in [[], None, {}, "x", 1, ENTRY, [[]], [None], ["x"], [{}]]]
    wrong += [make(entries=[ENTRY, without(ENTRY, name)]) for name in ENTRY]
    wrong += [make(entries=[{**ENTRY, "balance": "1"}])]
    return right, wrong


def reversals():
    right, wrong = words(lambda **members: members)
    wrong += [{"entries": value} for value in [[ENTRY], None, {}, "x", [{}]]]
    return [*right, {}, {"entries": []}], wrong


def batches():
    item = {"key": "corpus", **operation()}
    right, wrong = operations(lambda **members: {"operations": [{**item, **members}]})
    right += [{"operations": [item], "mode": mode} for mode in ("each", "all")]
    right += [{"operations": [{**item, "key": key}]} for key in ("k" * 255, "ключ", " ")]
    wrong += [{"operations": [item], "mode": mode} for mode in ["", "EACH", "any", *NO_TEXT]]
    wrong += [{"operations": [{**item, "key": key}]} for key in ["", "k" * 256, "a\nb", "\0", *NO_TEXT]]
    wrong += [{"operations": value} for value in [[], None, {}, "x", [None], [[]], [item, without(item, "key")]]]
    return right, [*wrong, {}, {"mode": "all"}, {"operations": [item], "book": "main"}]


def attributes(make):
    right = [make(floor=floor) for floor in [None, "0", "0.00", "-0", "-0.0", "5.00", "-5", "007", "1" * 36]]
    right += [make(name=name) for name in ("", "x" * 200, "naïve 😀")]
    right += [make(metadata=value) for value in METADATA]
    wrong = [
        make(floor=floor) for floor in [text for text in NO_AMOUNT if text not in ("0", "0.00", "-0", "-0.00", None)]
    ]
    wrong += [make(floor=floor) for floor in ("0.", "-0.", ".0", "0.0.0")]
    wrong += [make(name=name) for name in ["x" * 201, "\0", *NO_TEXT]]
    wrong += [make(metadata=value) for value in [None, *NO_METADATA, {"a": "\0"}]]
    return right, [*wrong, make(balance="0"), make(gated=True)]


def accounts(make=lambda **members: {**ACCOUNT, **members}):
    right, wrong = attributes(make)
    right += [make(code=code) for code in ("x" * 128, "a:b.c_d-e", "счёт", "账户", "नमस्ते", "...", "batches")]
    right += [make(unit=unit) for unit in ("", "XXX", "eur")]
    wrong += [
        make(code=code) for code in ["", "x" * 129, "a b", "a/b", "a\nb", "\0", "€", "a%20b", "😀", ".", "..", "batch"]
    ]
    wrong += [make(code=code) for code in NO_TEXT] + [make(unit=unit) for unit in ["\0", *NO_TEXT]]
    return right, [*wrong, make(status="open")]


def account_batches():
    right, wrong = accounts(lambda **members: {"accounts": [{**ACCOUNT, **members}]})
    wrong += [{"accounts": value} for value in [[], None, {}, "x", [None], [without(ACCOUNT, "unit")], ACCOUNT]]
    return right, [*wrong, {}, {"accounts": [ACCOUNT], "mode": "all"}]


def changes():
    right, wrong = attributes(lambda **members: members)
    right += [{}, *({"status": status} for status in ("frozen", "open", "closed"))]
    return right, [
        *wrong,
        *({"status": value} for value in ["", "closing", "OPEN", *NO_TEXT]),
        {"code": "x"},
        {"unit": "EUR"},
    ]


# What JSON Schema cannot say (or says by a format that knows leap seconds and a year 0), by what stands in the body.
BEYOND_JSON_SCHEMA = [
    *("\0", "a\0", "a\nb", "a b", "a/b", "€", "a%20b", "😀", ".", "..", "batch"),
    "2024-06-30T23:59:60Z",
    "0000-01-01T00:00:00Z",
]


def contains(body, values):
    if isinstance(body, dict):
        return any(contains(part, values) for pair in body.items() for part in pair)
    if isinstance(body, list):
        return any(contains(part, values) for part in body)
    return isinstance(body, str) and body in values


CORPUS = {
    "post_operation": (NewOperationSerializer, operations(), "/operations"),
    "reverse_operation": (ReversalSerializer, reversals(), "/operations/{operation}/reversal"),
    "post_batch": (BatchSerializer, batches(), "/batches"),
    "open_account": (NewAccountSerializer, accounts(), "/accounts"),
    "open_accounts": (NewAccountsSerializer, account_batches(), "/accounts/batch"),
    "change_account": (AccountChangeSerializer, changes(), "/accounts/wallet"),
}


@pytest.mark.parametrize("call", CORPUS)
def test_the_three_agree(api, call):
    serializer, (right, wrong), path = CORPUS[call]
    path = path.format(operation=api.operate(("cash", "1")).json()["id"])
    method = "PATCH" if call == "change_account" else "POST"
    schema = declared.operation(method, api.root + path)["requestBody"]["content"]["application/json"]["schema"]
    is_valid = declared.validator(schema).is_valid
    ask = api.patch if method == "PATCH" else api.post

    disagreements = []
    for expected, bodies in ((True, right), (False, wrong)):
        for body in bodies:
            judgements = {
                "reader": ask(path, body).status_code != 400,
                "serializer": serializer(data=body).is_valid(),
                "schema": expected if contains(body, BEYOND_JSON_SCHEMA) else is_valid(body),
            }
            disagreements += [
                (judge, judgement, body) for judge, judgement in judgements.items() if judgement != expected
            ]

    assert disagreements == []
    assert len(right) > 15
    assert len(wrong) > 40


@pytest.mark.parametrize("body", [None, True, 1, 1.5, "x", [], [{}], [operation()]])
def test_they_agree_that_a_body_is_an_object(api, body):
    for call, (serializer, _, path) in CORPUS.items():
        ask = api.patch if call == "change_account" else api.post
        assert ask(path.format(operation="1"), body=b"null" if body is None else body).status_code in {400, 404}, call
        assert not serializer(data=body).is_valid(), call


def test_what_they_cannot_judge_is_judged_later(api):
    """Too many entries are a refusal that is stored; the clock and the decimals of a unit are known to the reader alone."""
    too_many = operation(entries=[ENTRY] * 1_001)
    too_late = operation(effective_at="9999-01-01T00:00:00Z")
    too_fine = {**ACCOUNT, "floor": "0.001"}

    assert not NewOperationSerializer(data=too_many).is_valid()
    assert api.post("/operations", too_many).json()["code"] == "too_many_entries"
    assert NewOperationSerializer(data=too_late).is_valid()
    assert api.post("/operations", too_late).json()["errors"][0]["code"] == "too_far_ahead"
    assert NewAccountSerializer(data=too_fine).is_valid()
    assert api.post("/accounts", too_fine).json()["errors"][0]["code"] == "amount_scale"
