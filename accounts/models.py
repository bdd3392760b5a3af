"""Books, units, accounts and the record of every change of an account's attributes.

Book and Unit are inserted once and never changed. An Account's identity (book, code, unit) never changes; its attributes
(name, metadata, status, floor, limit of fast decrements) do, through one SQL function, and a trigger records each change.
Balances are not here: a balance is the sum of entries (ledger.balances).
"""

from typing import ClassVar

from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models

from accounts.limits import NAME_CHARACTERS_MAX, UNIT_EXPONENT_MAX
from appendonly.models import AppendOnlyModel


class Book(models.Model):
    """An independent ledger: its own accounts, chain and limits."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9_-]*$", "Lower-case letters, digits, - and _ only.")],
        help_text="The path prefix of the API: /api/v1/books/NAME/. It can never be changed.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "accounts_book"

    def __str__(self) -> str:
        return self.name


class Unit(models.Model):
    """What is counted: an ISO 4217 currency or a custom unit, with a fixed number of decimals."""

    id = models.AutoField(primary_key=True)
    code = models.CharField(
        max_length=32,
        unique=True,
        validators=[RegexValidator(r"^[A-Z0-9][A-Z0-9_.-]*$", "Upper-case letters, digits, . - and _ only.")],
        help_text="ISO 4217 code or a name of your own (POINTS). It can never be changed.",
    )
    exponent = models.PositiveSmallIntegerField(
        validators=[MaxValueValidator(UNIT_EXPONENT_MAX)],
        help_text="Decimals: 2 for EUR, 0 for JPY. It can never be changed.",
    )
    name = models.CharField(max_length=NAME_CHARACTERS_MAX, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "accounts_unit"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(exponent__lte=UNIT_EXPONENT_MAX), name="accounts_unit_exponent_in_range"
            )
        ]

    def __str__(self) -> str:
        return self.code


class AccountStatus(models.TextChoices):
    """`closing` is the short moment in which the last writers finish before the balance is judged."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSING = "closing"
    CLOSED = "closed"


class Account(AppendOnlyModel):
    """One holder of one unit in one book."""

    id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    code = models.TextField()
    unit = models.ForeignKey(Unit, models.DO_NOTHING, db_constraint=False)
    name = models.TextField()
    metadata = models.JSONField()
    status = models.TextField(choices=AccountStatus.choices)
    floor = models.DecimalField(max_digits=38, decimal_places=0, null=True)
    gated = models.BooleanField()
    fast_debit_limit = models.DecimalField(max_digits=38, decimal_places=0, null=True)
    fast_debit_fixed = models.BooleanField()
    fast_debit_since = models.BigIntegerField(null=True)
    opened_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "accounts_account"

    def __str__(self) -> str:
        return self.code


class AccountChange(AppendOnlyModel):
    """One change of an account's attributes: who, when, before, after."""

    id = models.BigIntegerField(primary_key=True)
    book = models.ForeignKey(Book, models.DO_NOTHING, db_constraint=False)
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False)
    changed_at = models.DateTimeField()
    source_id = models.BigIntegerField(null=True)
    reason = models.TextField()
    before = models.JSONField(null=True)
    after = models.JSONField()

    class Meta:
        managed = False
        db_table = "accounts_account_change"

    def __str__(self) -> str:
        return f"{self.account_id} at {self.changed_at}"
