"""The forms of a mass operation: upload, decision, opening of accounts, and moves with a reason."""

from datetime import UTC, datetime
from typing import Any

from django import forms

from accounts.models import Book, Unit
from massops.limits import NAME_CHARACTERS_MAX, REASON_CHARACTERS_MAX
from massops.models import Mode, SavedMapping

_INPUT = {"class": "pn-input"}
TEMPLATE, NEW_MAPPING = "", "-"


class UploadForm(forms.Form):
    """A file, and how to read it."""

    file = forms.FileField(
        label="File",
        widget=forms.FileInput({"class": "pn-input", "accept": ".csv,.txt,.tsv,.xlsx"}),
        help_text="CSV or XLSX.",
    )
    book = forms.ModelChoiceField(
        label="Book", queryset=Book.objects.order_by("id"), empty_label=None, widget=forms.Select(_INPUT)
    )
    mapping = forms.ChoiceField(label="Columns", required=False, widget=forms.Select(_INPUT))
    own_keys = forms.ChoiceField(
        label="Keys",
        choices=[("own", "A row's key names it for ever"), ("fresh", "Keys count in this upload only")],
        widget=forms.Select(_INPUT),
        help_text="With the first, a row that was posted before is found and not posted again.",
    )
    again = forms.BooleanField(label="The same file was uploaded before, and I mean it", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        saved = [(name, name) for name in SavedMapping.objects.order_by("name").values_list("name", flat=True)]
        choices = [(TEMPLATE, "as in the template"), (NEW_MAPPING, "I describe them on the next page"), *saved]
        self.fields["mapping"].choices = choices  # type: ignore[attr-defined]  # a choice field


class _Moment(forms.DateTimeField):
    """A moment in UTC from the browser's own control; empty means none."""

    def __init__(self, label: str, help_text: str) -> None:
        widget = forms.DateTimeInput({"type": "datetime-local", "class": "pn-input"})
        formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        super().__init__(label=label, required=False, widget=widget, help_text=help_text, input_formats=formats)

    def clean(self, value: Any) -> datetime | None:
        """In UTC."""
        found: datetime | None = super().clean(value)
        return None if found is None else found.replace(tzinfo=UTC)


class DecisionForm(forms.Form):
    """How to post; `rows` is what the page showed, `typed` what the person typed where that is wanted."""

    mode = forms.ChoiceField(label="Mode", choices=Mode.choices, widget=forms.Select(_INPUT))
    priority = forms.ChoiceField(
        label="Class",
        choices=[
            ("bulk", "bulk: gives way to everybody"),
            ("normal", "normal"),
            ("critical", "critical: gives way to nobody"),
        ],
        widget=forms.Select(_INPUT),
    )
    effective_at = _Moment("Effective at (UTC)", "For all rows, in place of their own. Empty: as the rows say.")
    start_at = _Moment("Start at (UTC)", "Empty: now.")
    rows = forms.IntegerField(widget=forms.HiddenInput)
    typed = forms.CharField(
        label="Type the number of rows to confirm",
        required=False,
        widget=forms.TextInput({**_INPUT, "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, typed_rows: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._typed_rows = typed_rows
        if typed_rows is None:
            del self.fields["typed"]
        else:
            self.fields["typed"].help_text = f"{typed_rows} rows are posted."

    def clean_typed(self) -> str:
        """The number of rows, with or without marks."""
        text = str(self.cleaned_data["typed"]).replace(",", "").replace(" ", "")
        if text != str(self._typed_rows):
            raise forms.ValidationError(f"Type {self._typed_rows}.")
        return text


class OpenForm(forms.Form):
    """In which unit unknown accounts are opened."""

    unit = forms.ModelChoiceField(
        label="Unit", queryset=Unit.objects.order_by("code"), to_field_name="code", widget=forms.Select(_INPUT)
    )


class MoveForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label="Reason",
        max_length=REASON_CHARACTERS_MAX,
        required=False,
        widget=forms.Textarea({**_INPUT, "rows": 2}),
        help_text="It stays in the history for ever.",
    )


class SaveForm(forms.Form):
    """The name under which a mapping is kept."""

    save_as = forms.CharField(
        label="Keep this mapping as",
        required=False,
        max_length=NAME_CHARACTERS_MAX,
        widget=forms.TextInput({**_INPUT, "autocomplete": "off"}),
    )
