"""The form of a grant: what one by hand and each row of a file must fulfil."""

from typing import Any

from django.forms import ModelForm

from security.grant_models import LIMITED_ACTIONS, Grant


class GrantForm(ModelForm):  # type: ignore[type-arg] # it takes no argument at run time
    """A grant to add, with what only the whole form can tell."""

    class Meta:
        model = Grant
        fields = ("client", "group", "action", "account_prefix", "unit", "amount_max", "day_max")

    def clean(self) -> dict[str, Any]:
        """One owner, and limits only where they can be counted."""
        values: dict[str, Any] = super().clean() or {}
        if (values.get("client") is None) == (values.get("group") is None):
            self.add_error("client", "Choose a client or a group of staff, not both.")
        if values.get("client") is not None and values["client"].revoked_at is not None:
            self.add_error("client", "This client is revoked.")
        limited = values.get("amount_max") is not None or values.get("day_max") is not None
        if limited and not (values.get("unit") and values.get("action") in LIMITED_ACTIONS):
            self.add_error("unit", "A limit needs a unit, and the action credit, debit or reverse.")
        for name in ("amount_max", "day_max"):
            if values.get(name) is not None and values[name] <= 0:
                self.add_error(name, "A limit is more than zero.")
        return values
