"""Amounts that must be refused: nothing is rounded, guessed or stored."""

import re

import pytest

from tests.api.calls import adds, pointers, refusal

MALFORMED = [
    *(
        "1e2",
        "1E2",
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "inf",
        "+5",
        "--5",
        "-+5",
        "5-",
        " 5",
        "5 ",
        "5\n",
        "\t5",
        "5\0",
    ),
    *(
        "0x10",
        "0b1",
        "0o7",
        "1_000",
        "1,5",
        "1,000.00",
        "1.000,00",
        "1'000",
        "1 000",
        "(250.00)",
        "$5",
        "5 EUR",
        "€5",
        "5%",
    ),
    *(
        "٣",
        "\uff15",
        "½",
        "\u2164",
        "一",
        "\u00a05",
        "\u200b5",
        "\u22125",
        "\u20135",
        "1.",
        ".5",
        "-.5",
        ".",
        "-",
        "",
        "1.2.3",
        "1..2",
        "5.-1",
    ),
    *("null", "true", "[]", "{}", '"5"', "1/2", "1;2", "one", "\u0660.\u0665", "1\u066b5", "0x1p3", "1e", "e1", "1d"),
]
ZERO = ["0", "-0", "0.0", "-0.00", "0000", "0." + "0" * 30]
NO_TEXT = [
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "5",
    "-5",
    "5.00",
    "0",
    "-0",
    "1e2",
    "1.0E+2",
    '["5"]',
    '{"amount":"5"}',
    "123456789012345678901",
]


def bodies(amount_json):
    entry = f'{{"account": "cash", "amount": {amount_json}}}'
    return f'{{"entries": [{entry}]}}'.encode(), f'{{"operations": [{{"key": "k", "entries": [{entry}]}}]}}'.encode()


def quoted(text):
    return '"' + "".join(f"\\u{unit:04x}" for unit in _utf16(text)) + '"'


def _utf16(text):
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2)]


@pytest.mark.parametrize("text", [*MALFORMED, *ZERO])
def test_a_text_that_is_no_amount_is_refused_everywhere(shared_api, text):
    single, batch = bodies(quoted(text))
    floor = {"code": "new", "unit": "EUR", "floor": text}

    with adds(shared_api):
        one, many = shared_api.post("/operations", single), shared_api.post("/batches", batch)

    assert (refusal(one), refusal(many)) == ((400, "invalid_request"), (400, "invalid_request"))
    assert (pointers(one), pointers(many)) == (["/entries/0/amount"], ["/operations/0/entries/0/amount"])
    assert one.json()["errors"][0]["code"] == "invalid_amount"
    if text not in ZERO:
        assert pointers(shared_api.post("/accounts", floor)) == ["/floor"]
        assert pointers(shared_api.patch("/accounts/wallet", {"floor": text})) == ["/floor"]


@pytest.mark.parametrize("value", NO_TEXT)
def test_an_amount_that_is_no_text_is_refused_with_a_hint(shared_api, value):
    single, batch = bodies(value)

    with adds(shared_api):
        one, many = shared_api.post("/operations", single), shared_api.post("/batches", batch)

    assert (pointers(one), pointers(many)) == (["/entries/0/amount"], ["/operations/0/entries/0/amount"])
    assert '"12.34"' in one.json()["detail"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("1" * 39, (400, "invalid_request")),
        ("-" + "1" * 39, (400, "invalid_request")),
        ("0" * 39, (400, "invalid_request")),
        ("1" * 37 + ".00", (400, "invalid_request")),
        ("9" * 100_000, (400, "invalid_request")),
        ("1" * 38, (422, "amount_scale")),
        ("1" * 37, (422, "amount_scale")),
        ("1" * 36, (201, None)),
        ("1" * 36 + ".25", (201, None)),
        ("-" + "9" * 36 + ".99", (201, None)),
        ("0.001", (422, "amount_scale")),
        ("1.000", (422, "amount_scale")),
        ("0.01", (201, None)),
        ("00012.50", (201, None)),
    ],
)
def test_an_amount_has_at_most_38_digits_and_the_decimals_of_its_unit(api, text, answer):
    stored = {400: 0, 422: 1, 201: 1}[answer[0]]

    with adds(api, operations=stored, entries=int(answer[0] == 201)):
        response = api.operate(("cash", text))

    assert (response.status_code, response.json().get("code")) == answer


@pytest.mark.parametrize(("text", "status"), [("1", 201), ("-1", 201), ("1.0", 422), ("1" * 38, 201), ("1" * 39, 400)])
def test_a_unit_without_decimals_takes_none(api, text, status):
    assert api.operate(("points", text)).status_code == status


def test_the_largest_balances_are_exact(api):
    largest = "9" * 36 + ".99"
    for _ in range(3):
        assert api.operate(("cash", largest)).status_code == 201

    assert api.balance("cash") == "2" + "9" * 36 + ".97"
    assert api.operate(("cash", "-" + largest)).status_code == 201
    assert api.balance("cash") == "1" + "9" * 36 + ".98"
    assert [row["balance"] for row in api.get("/accounts/cash/entries", limit=1).json()["results"]] == [
        "1" + "9" * 36 + ".98"
    ]


@pytest.mark.foreign
def test_no_number_of_the_parsing_suite_is_an_amount(shared_api, foreign_data):
    """Each number of the suite, bare and as text: only a plain decimal in text is ever taken."""
    numbers = {
        number
        for file in sorted((foreign_data / "json" / "test_parsing").glob("*number*.json"))
        for number in re.findall(r"[^\[\]\s,]+", file.read_bytes().decode("utf-8", "replace"))
    }
    assert len(numbers) > 60
    taken = {}

    with adds(shared_api):
        for number in numbers:
            bare, _ = bodies(number)
            assert shared_api.post("/operations", bare).status_code == 400, number
    for number in numbers:
        text, _ = bodies(quoted(number))
        response = shared_api.post("/operations", text)
        assert response.status_code in {201, 400, 422}, number
        if response.status_code != 400:
            taken[number] = response.status_code

    assert all(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", number) for number in taken), taken
    assert {
        "0",
        "-0",
        "1e1",
        "0.4e00669999999999999999999999999999999999999999999999999999999999",
    } & taken.keys() == set()
