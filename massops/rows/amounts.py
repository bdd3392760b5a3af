"""Amounts and moments as strangers write them, into the one form of the ledger. Pure; nothing is ever rounded or guessed."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from accounts.limits import AMOUNT_DIGITS_MAX
from massops.limits import REMEMBERED_TEXTS_MAX
from massops.rows.mapping import Amount, MappingError

ISO_DATE_LENGTH = 10
# Nearly all amounts of nearly all files are in the ledger's form already.
_usual = re.compile(r"-?[1-9][0-9]{0,19}(?:\.[0-9]{1,18})?", re.ASCII).fullmatch


class CellError(ValueError):
    """A cell that does not say what its column should: column, code and sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def amount_reader(how: Amount) -> Callable[[str], str]:
    """Return the function that turns one cell into an amount of the ledger, such as `-12.30`. It raises CellError."""
    well_formed = re.compile(_pattern(how), re.ASCII).fullmatch
    as_it_is = how.decimal == "." and not how.negate

    def read(text: str) -> str:
        if as_it_is and _usual(text):
            return text
        text = text.strip()
        negative = how.negate
        if how.brackets_negative and text[:1] == "(" and text[-1:] == ")" and text[1:2] not in {"+", "-"}:
            text, negative = text[1:-1].strip(), not negative
        if not well_formed(text):
            if not text:
                raise CellError("amount_missing", "There is no amount.")
            raise CellError("amount_invalid", f"{text[:40]!r} is not an amount in the form that the mapping says.")
        digits = _digits(text, how)
        return "-" + digits if negative is not text.startswith("-") else digits

    return read


def _digits(text: str, how: Amount) -> str:
    """The amount without its sign, with a point, without marks and leading zeros."""
    text = text.lstrip("+-")
    if how.thousands:
        text = text.replace(how.thousands, "")
    whole, _, fraction = text.replace(how.decimal, ".").partition(".")
    whole = whole.lstrip("0") or "0"
    if len(whole) + len(fraction) > AMOUNT_DIGITS_MAX:
        raise CellError("amount_invalid", f"An amount has at most {AMOUNT_DIGITS_MAX} digits.")
    if whole == "0" and not fraction.strip("0"):
        raise CellError("amount_zero", "An amount must not be zero.")
    return f"{whole}.{fraction}" if fraction else whole


def negated(text: str) -> str:
    """Return the opposite amount."""
    return text[1:] if text[0] == "-" else "-" + text


def moment_reader(date_format: str, time_zone: str) -> Callable[[str], str | None]:
    """Return the function that turns one cell into an RFC 3339 moment in UTC, or None for an empty one. It raises CellError.

    A day without a time is its midnight in the zone. `iso` reads ISO 8601, with or without a time.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise MappingError("mapping_invalid", f"There is no time zone {time_zone!r}.") from error
    remembered: dict[str, str] = {}

    def read(text: str) -> str | None:
        if (known := remembered.get(text)) is not None:
            return known
        stripped = text.strip()
        if not stripped:
            return None
        moment = _moment(stripped, date_format, zone)
        if len(remembered) < REMEMBERED_TEXTS_MAX:
            remembered[text] = moment
        return moment

    return read


def _moment(text: str, date_format: str, zone: ZoneInfo) -> str:
    try:
        if date_format == "iso":
            # A shorter text would be read as a date without dashes, which may as well be a number.
            found = datetime.fromisoformat(text.upper() if len(text) >= ISO_DATE_LENGTH else "")
        else:
            found = datetime.strptime(text, date_format)  # noqa: DTZ007 - the zone follows
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone)
        return found.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError) as error:
        wanted = "YYYY-MM-DD" if date_format == "iso" else date_format
        raise CellError("date_invalid", f"{text[:40]!r} is not a date of the form {wanted}.") from error


def _pattern(how: Amount) -> str:
    """Digits, with thousands marks either everywhere or nowhere, and a fraction."""
    mark = re.escape(how.thousands)
    whole = rf"(?:[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+|[0-9]+)" if mark else "[0-9]+"
    return rf"[+-]?{whole}(?:{re.escape(how.decimal)}[0-9]+)?"
