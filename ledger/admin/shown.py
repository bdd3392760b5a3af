"""How the panel writes amounts, moments and links: numbers grouped, aligned and with their unit, times with their zone."""

from datetime import UTC, datetime

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.money import format_amount
from ledger.contracts import ACCEPTED, REFUSAL_SENTENCES, Refusal

NOTHING = "\u2013"


def grouped(minor: int, exponent: int) -> str:
    """Minor units in the unit's scale, with thousands marks: (123456789, 2) is "1,234,567.89"."""
    text = format_amount(minor, exponent)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, point, fraction = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{fraction}"


def amount(minor: int | None, exponent: int, unit: str = "") -> SafeString:
    """An amount for a column of numbers; decrements are told apart by their sign and by their colour."""
    if minor is None:
        return format_html('<span class="pn-num pn-soft">{}</span>', NOTHING)
    kind = "pn-num pn-minus" if minor < 0 else "pn-num"
    if not unit:
        return format_html('<span class="{}">{}</span>', kind, grouped(minor, exponent))
    return format_html(
        '<span class="{}">{} <span class="pn-unit">{}</span></span>', kind, grouped(minor, exponent), unit
    )


def moment(value: datetime | None) -> str:
    """A moment in UTC to the second, with its zone."""
    return NOTHING if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def account_url(account_id: int) -> str:
    """The page of an account."""
    return reverse("admin:accounts_account_change", args=[account_id])


def operation_url(operation_id: int) -> str:
    """The page of an operation."""
    return reverse("admin:ledger_operation_change", args=[operation_id])


def account_link(account_id: int, code: str) -> SafeString:
    """A link to an account by its code."""
    return format_html('<a class="pn-link" href="{}">{}</a>', account_url(account_id), code)


def operation_link(operation_id: int) -> SafeString:
    """A link to an operation by its number."""
    return format_html('<a class="pn-link" href="{}">{}</a>', operation_url(operation_id), operation_id)


def badge(text: str, tone: str) -> SafeString:
    """A word on a coloured ground; the word says it all, the tone (good, bad, warn, plain) only helps."""
    return format_html('<span class="pn-badge pn-{}">{}</span>', tone, text)


def status_badge(status: str) -> SafeString:
    """An account's status."""
    return badge(status, {"open": "good", "frozen": "warn", "closing": "warn"}.get(status, "plain"))


def outcome_badge(outcome: str) -> SafeString:
    """An operation's outcome; a refusal by its code."""
    return badge(outcome, "good" if outcome == ACCEPTED else "bad")


def outcome_sentence(outcome: str) -> str:
    """What an outcome means, in a sentence."""
    if outcome == ACCEPTED:
        return "The operation was accepted; its entries count."
    return REFUSAL_SENTENCES[Refusal(outcome)] if outcome in list(Refusal) else "The operation was refused."
