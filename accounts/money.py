"""Amounts: text in the scale of a unit outside, whole minor units inside. Pure; nothing is ever rounded.

An amount is an optional minus sign, digits, and optionally a point with digits: `-12.34`. Nothing else is a number
here: no plus sign, exponent, blank, thousands mark, other script's digits, NaN or infinity.
"""

import re

from accounts.limits import AMOUNT_DIGITS_MAX

AMOUNT_PATTERN = r"^-?[0-9]+(\.[0-9]+)?$"
_amount = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII).fullmatch


class AmountError(ValueError):
    """The text is not an amount; the message says why."""


class ScaleError(ValueError):
    """The amount has more decimals than its unit, or does not fit into 38 digits of minor units."""


def check_amount(text: str) -> None:
    """Raise AmountError unless the text is an amount other than zero, of at most 38 digits."""
    if len(text) > AMOUNT_DIGITS_MAX + 2 or not _amount(text):
        raise AmountError(
            f'An amount is a decimal string such as "12.34" or "-5", of at most {AMOUNT_DIGITS_MAX} digits.'
        )
    digits = text.lstrip("-").replace(".", "")
    if len(digits) > AMOUNT_DIGITS_MAX:
        raise AmountError(f"An amount has at most {AMOUNT_DIGITS_MAX} digits.")
    if not digits.strip("0"):
        raise AmountError("An amount must not be zero.")


def parse_amount(text: str, exponent: int) -> int:
    """Return the amount in minor units of a unit with this exponent: ("12.3", 2) is 1230.

    The text has passed check_amount. Raises ScaleError where the unit cannot hold it exactly.
    """
    whole, point, fraction = text.partition(".")
    if not point:
        minor: int = int(whole) * 10**exponent
    else:
        if len(fraction) > exponent:
            raise ScaleError(f"The unit has {exponent} decimals, the amount has {len(fraction)}.")
        minor = int(whole + fraction) * 10 ** (exponent - len(fraction))
    if abs(minor) >= 10**AMOUNT_DIGITS_MAX:
        raise ScaleError(f"The amount has more than {AMOUNT_DIGITS_MAX} digits of minor units.")
    return minor


def format_amount(minor: int, exponent: int) -> str:
    """Return minor units as a decimal string in the unit's scale: (-5, 2) is "-0.05"."""
    if not exponent:
        return str(minor)
    digits = str(abs(minor)).rjust(exponent + 1, "0")
    return f"{'-' if minor < 0 else ''}{digits[:-exponent]}.{digits[-exponent:]}"
