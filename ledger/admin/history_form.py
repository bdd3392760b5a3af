"""What a person can ask of an account's history: the form above the table, and the filter it stands for."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from accounts.money import AmountError, ScaleError, check_amount, parse_amount
from ledger.reports import HistoryFilter
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


def _text(label: str, placeholder: str = "", length: int = 255) -> forms.CharField:
    widget = forms.TextInput({"class": "pn-input", "placeholder": placeholder})
    return forms.CharField(label=label, required=False, max_length=length, widget=widget)


def _choice(label: str, *choices: tuple[str, str]) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, required=False, choices=choices, widget=forms.Select({"class": "pn-input pn-select"})
    )


class HistoryForm(forms.Form):
    """Every filter can be combined with every other. Amounts are in the account's unit, days are days in UTC."""

    since = day_field("From")
    through = day_field("Through")
    by = _choice("Days are", ("recorded", "as recorded"), ("effective", "as effective"))
    direction = _choice("Direction", ("", "both"), ("in", "increments"), ("out", "decrements"))
    least = _text("Amount from", "0.00")
    most = _text("Amount to", "0.00")
    source = _choice("Source")
    key = _text("Key")
    reference = _text("Metadata", "name=value", length=600)
    order = _choice("Order", ("", "newest first"), ("asc", "oldest first"))

    def __init__(self, data: Any, *, exponent: int) -> None:
        super().__init__(data, auto_id="filter_%s")
        self._exponent = exponent
        sources = Source.objects.order_by("name", "id").values_list("id", "name")[:SOURCES_OFFERED_MAX]
        self.fields["source"].choices = [("", "any"), *((str(number), name) for number, name in sources)]  # type: ignore[attr-defined]

    @property
    def chosen(self) -> bool:
        """Whether anything is filtered."""
        return any(self.data.get(name) for name in self.fields if name not in {"by", "order"})

    def clean_least(self) -> int | None:
        """Minor units."""
        return self._minor("least")

    def clean_most(self) -> int | None:
        """Minor units."""
        return self._minor("most")

    def clean_reference(self) -> dict[str, str] | None:
        """One member of the metadata."""
        text = self.cleaned_data["reference"].strip()
        if not text:
            return None
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise forms.ValidationError("Write name=value, such as invoice=2024-17.")
        return {name.strip(): value.strip()}

    def filter(self) -> HistoryFilter:
        """The filter of a form without errors; `through` is a whole day."""
        told = self.cleaned_data
        since = midnight(told["since"]) if told["since"] else None
        until = midnight(told["through"] + timedelta(days=1)) if told["through"] else None
        effective = told["by"] == "effective"
        return HistoryFilter(
            since=None if effective else since,
            until=None if effective else until,
            effective_since=since if effective else None,
            effective_until=until if effective else None,
            sign={"in": 1, "out": -1}.get(told["direction"]),
            least_minor=told["least"],
            most_minor=told["most"],
            source_id=int(told["source"]) if told["source"] else None,
            key=told["key"] or None,
            metadata=told["reference"],
        )

    def _minor(self, name: str) -> int | None:
        text = self.cleaned_data[name].strip()
        if not text:
            return None
        try:
            check_amount(text.replace("0", "1"))  # the form of an amount; zero is a fine bound
            return abs(parse_amount(text, self._exponent))
        except (AmountError, ScaleError) as error:
            raise forms.ValidationError(str(error)) from error
