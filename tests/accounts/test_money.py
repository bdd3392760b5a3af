"""Amounts: text in the scale of a unit outside, whole minor units inside; nothing is ever rounded."""

from decimal import Decimal, localcontext

import hypothesis.strategies as st
import pytest
from hypothesis import given

from accounts.limits import AMOUNT_DIGITS_MAX, UNIT_EXPONENT_MAX
from accounts.money import AmountError, ScaleError, check_amount, format_amount, parse_amount

exponents = st.integers(0, UNIT_EXPONENT_MAX)
minors = st.integers(-(10**AMOUNT_DIGITS_MAX) + 1, 10**AMOUNT_DIGITS_MAX - 1)


@pytest.mark.parametrize(
    ("text", "exponent", "minor"),
    [
        ("12.34", 2, 1234),
        ("-12.34", 2, -1234),
        ("12.3", 2, 1230),
        ("12", 2, 1200),
        ("0.01", 2, 1),
        ("-0.01", 2, -1),
        ("0012.50", 2, 1250),
        ("5", 0, 5),
        ("1", 18, 10**18),
        ("0.000000000000000001", 18, 1),
        ("9" * 38, 0, 10**38 - 1),
        ("-" + "9" * 36 + ".99", 2, -(10**38) + 1),
    ],
)
def test_it_reads_an_amount_in_the_scale_of_its_unit(text: str, exponent: int, minor: int) -> None:
    check_amount(text)

    assert parse_amount(text, exponent) == minor


@pytest.mark.parametrize(
    ("minor", "exponent", "text"),
    [
        (1234, 2, "12.34"),
        (-5, 2, "-0.05"),
        (0, 2, "0.00"),
        (0, 0, "0"),
        (-7, 0, "-7"),
        (1, 18, "0.000000000000000001"),
        (-(10**38) + 1, 18, "-" + "9" * 20 + "." + "9" * 18),
    ],
)
def test_it_writes_an_amount_in_the_scale_of_its_unit(minor: int, exponent: int, text: str) -> None:
    assert format_amount(minor, exponent) == text


NOT_AMOUNTS = """
    - . 1. .5 -.5 +5 1,5 1_000 1'000 1e2 1E2 0x10 0b1 NaN nan Infinity -inf (250.00) --5 5- 1.2.3 1..2 $5 null true
    ½ ٣ १२ \uff15 ² 0 -0 0.00 -0.0 000
"""
NOT_AMOUNTS_EITHER = [
    "",
    " 5",
    "5 ",
    "5\n",
    "1 000",
    "5 EUR",
    "\0",
    "9" * 39,
    "0." + "0" * 38 + "1",
    "0" * 41,
    "1" * 10_000,
]


@pytest.mark.parametrize("text", NOT_AMOUNTS.split() + NOT_AMOUNTS_EITHER)
def test_it_takes_nothing_else_for_an_amount(text: str) -> None:
    with pytest.raises(AmountError):
        check_amount(text)


@pytest.mark.parametrize(
    ("text", "exponent"),
    [("0.001", 2), ("1.000", 2), ("1.0", 0), ("9" * 38, 1), ("-" + "9" * 37, 2), ("100000000000000000000", 18)],
)
def test_it_rounds_nothing_to_make_it_fit(text: str, exponent: int) -> None:
    check_amount(text)

    with pytest.raises(ScaleError):
        parse_amount(text, exponent)


@given(minors.filter(bool), exponents)
def test_it_reads_back_what_it_writes(minor: int, exponent: int) -> None:
    text = format_amount(minor, exponent)

    check_amount(text)
    assert parse_amount(text, exponent) == minor


@given(st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,18})?", fullmatch=True), exponents)
def test_it_means_the_same_number_as_the_text(text: str, exponent: int) -> None:
    try:
        check_amount(text)
        minor = parse_amount(text, exponent)
    except (AmountError, ScaleError):
        return

    with localcontext() as exactly:
        exactly.prec = 100
        assert Decimal(minor).scaleb(-exponent) == Decimal(text)
        assert Decimal(format_amount(minor, exponent)) == Decimal(text)


@given(st.text(max_size=45))
def test_it_takes_only_ascii_digits_with_an_optional_sign_and_point(text: str) -> None:
    try:
        check_amount(text)
    except AmountError:
        return

    assert text.isascii()
    assert set(text) <= set("-.0123456789")
    assert Decimal(text) != 0
