"""The fields that forms of the panel share: days, short texts, choices, sources, one member of the metadata."""

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from accounts.limits import ID_DIGITS_MAX
from security.models import Source

SOURCES_OFFERED_MAX = 200


def midnight(day: date) -> datetime:
    """The moment a day begins, in UTC."""
    return datetime.combine(day, time.min, UTC)


def day_field(label: str) -> forms.DateField:
    """A day, picked or typed; not so near the ends of the calendar that the day after it would be none."""
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput({"type": "date", "class": "pn-input"}),
        validators=[MinValueValidator(date(2, 1, 1)), MaxValueValidator(date(9998, 12, 31))],
    )


def text_field(label: str, placeholder: str = "", length: int = 255) -> forms.CharField:
    """One line of text."""
    widget = forms.TextInput({"class": "pn-input", "placeholder": placeholder})
    return forms.CharField(label=label, required=False, max_length=length, widget=widget)


def choice_field(label: str, *choices: tuple[str, str]) -> forms.ChoiceField:
    """One of a few; the first is what nobody chose."""
    widget = forms.Select({"class": "pn-input pn-select"})
    return forms.ChoiceField(label=label, required=False, choices=choices, widget=widget)


def sources(chosen: str) -> list[tuple[str, str]]:
    """The sources to choose from, and any; the chosen one is among them however many there are."""
    rows = dict(Source.objects.order_by("name", "id").values_list("id", "name")[:SOURCES_OFFERED_MAX])
    if chosen.isascii() and chosen.isdecimal() and len(chosen) <= ID_DIGITS_MAX:
        rows |= dict(Source.objects.filter(id=int(chosen)).values_list("id", "name"))
    return [("", "any"), *((str(number), name) for number, name in rows.items())]


class ReferenceField(forms.CharField):
    """One member of the metadata, written name=value; cleaned to a document of it, or None."""

    def __init__(self) -> None:
        widget = forms.TextInput({"class": "pn-input", "placeholder": "name=value"})
        super().__init__(label="Metadata", required=False, max_length=600, widget=widget)

    def clean(self, value: Any) -> dict[str, str] | None:
        """The document."""
        text = super().clean(value).strip()
        if not text:
            return None
        name, equals, member = text.partition("=")
        if not equals or not name.strip():
            raise forms.ValidationError("Write name=value, such as invoice=2024-17.")
        return {name.strip(): member.strip()}


def query_with(request: Any, **changes: Any) -> str:
    """The address's query with changes; None takes a part away."""
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = str(value)
    return f"?{query.urlencode()}"
