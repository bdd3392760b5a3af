"""Grants: rights as data. Who (a client or a group of staff) may do what with which accounts, up to which amounts.

A grant is never changed: it is removed, and another is added (security.grants).
"""

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from security.limits import (
    AMOUNT_DIGITS_LIMIT,
    GRANT_AMOUNT_DECIMALS_LIMIT,
    GRANT_PREFIX_CHARS_LIMIT,
    UNIT_CHARS_LIMIT,
)
from security.rights import Action

LIMITED_ACTIONS = (Action.CREDIT, Action.DEBIT, Action.REVERSE)
_DESCRIPTIONS = {
    Action.READ: "Read: accounts, balances, history, operations, receipts",
    Action.CREDIT: "Credit: increments",
    Action.DEBIT: "Debit: decrements",
    Action.REVERSE: "Reverse operations",
    Action.OPEN: "Open accounts and change them",
    Action.MASS: "Mass operations",
    Action.VERIFY: "Verify: receipts of operations",
}


def validate_plain(value: str) -> None:
    """Refuse a text that no code of an account begins with."""
    if not value.isprintable() or " " in value:
        raise ValidationError("There are no blanks and no control characters in it.", code="plain")


class Grant(models.Model):
    """One right. Limits count amounts without their sign, in units."""

    client = models.ForeignKey("security.Client", models.CASCADE, null=True, blank=True, related_name="grants")
    group = models.ForeignKey("auth.Group", models.CASCADE, null=True, blank=True, related_name="grants")
    action = models.CharField(max_length=16, choices=[(str(action), text) for action, text in _DESCRIPTIONS.items()])
    account_prefix = models.CharField(
        max_length=GRANT_PREFIX_CHARS_LIMIT,
        blank=True,
        validators=[validate_plain],
        help_text="How the codes of the accounts begin, such as user: or shop:7:. Empty: all accounts. Of several grants for"
        " one action, the one with the longest prefix decides.",
    )
    unit = models.CharField(
        max_length=UNIT_CHARS_LIMIT,
        blank=True,
        validators=[validate_plain],
        help_text="The unit of the accounts, such as EUR. Empty: every unit. A grant with a limit names its unit.",
    )
    amount_max = models.DecimalField(
        "largest amount",
        max_digits=AMOUNT_DIGITS_LIMIT,
        decimal_places=GRANT_AMOUNT_DECIMALS_LIMIT,
        null=True,
        blank=True,
        help_text="No single entry may be larger. Empty: no limit. Only for credit, debit and reverse.",
    )
    day_max = models.DecimalField(
        "sum per day",
        max_digits=AMOUNT_DIGITS_LIMIT,
        decimal_places=GRANT_AMOUNT_DECIMALS_LIMIT,
        null=True,
        blank=True,
        help_text="The entries that this grant decides about may not sum up to more in one day (UTC) and book. Empty: no"
        " limit. Postings under such a limit wait for each other.",
    )
    created_at = models.DateTimeField()
    # The approval that gave it, perhaps with others of a file; none for what needed nobody else.
    approval_id = models.BigIntegerField("approval", null=True, db_index=True, editable=False)

    class Meta:
        app_label = "security"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(client__isnull=False, group__isnull=True) | Q(client__isnull=True, group__isnull=False),
                name="grant_has_one_owner",
            ),
            models.CheckConstraint(
                condition=Q(action__in=[str(action) for action in Action]), name="grant_action_known"
            ),
            models.CheckConstraint(
                condition=Q(amount_max=None, day_max=None)
                | (Q(action__in=[str(action) for action in LIMITED_ACTIONS]) & ~Q(unit="")),
                name="grant_limit_has_unit",
            ),
            models.CheckConstraint(
                condition=(Q(amount_max=None) | Q(amount_max__gt=0)) & (Q(day_max=None) | Q(day_max__gt=0)),
                name="grant_limit_positive",
            ),
            models.UniqueConstraint(
                fields=["client", "action", "account_prefix", "unit"], name="grant_once_for_client"
            ),
            models.UniqueConstraint(fields=["group", "action", "account_prefix", "unit"], name="grant_once_for_group"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.account_prefix or 'all accounts'} {self.unit}".rstrip()
