"""What a person can ask of an account's history: the form above the table, and the filter it stands for."""

from datetime import timedelta
from typing import Any

from django import forms

from accounts.money import AmountError, ScaleError, check_amount, parse_amount
from ledger.admin.fields import ReferenceField, choice_field, day_field, midnight, sources, text_field
from ledger.reports import HistoryFilter


class HistoryForm(forms.Form):
    """Every filter can be combined with every other. Amounts are in the account's unit, days are days in UTC."""

    since = day_field("From")
    through = day_field("Through")
    by = choice_field("Days are", ("recorded", "as recorded"), ("effective", "as effective"))
    direction = choice_field("Direction", ("", "both"), ("in", "increments"), ("out", "decrements"))
    least = text_field("Amount from", "0.00")
    most = text_field("Amount to", "0.00")
    source = choice_field("Source")
    key = text_field("Key")
    reference = ReferenceField()
    order = choice_field("Order", ("", "newest first"), ("asc", "oldest first"))

    def __init__(self, data: Any, *, exponent: int) -> None:
        super().__init__(data, auto_id="filter_%s")
        self._exponent = exponent
        self.fields["source"].choices = sources(self.data.get("source", ""))  # type: ignore[attr-defined]

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
