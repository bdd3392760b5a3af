"""The admin of books, units and accounts. Books and units are added once; accounts and their changes are read."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import Account, AccountChange, Book, Unit
from accounts.money import format_amount
from appendonly.admin import ReadOnlyAdmin


class _AddOnlyAdmin(ReadOnlyAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who may add, adds; what was added stays as it is."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.add_{self.opts.model_name}"))


@admin.register(Book)
class BookAdmin(_AddOnlyAdmin):
    """Books: independent ledgers."""

    list_display = ("name", "created_at")
    fields = ("name",)
    ordering = ("id",)


@admin.register(Unit)
class UnitAdmin(_AddOnlyAdmin):
    """Units: currencies and units of one's own."""

    list_display = ("code", "exponent", "name")
    fields = ("code", "exponent", "name")
    search_fields = ("code", "name")
    ordering = ("code",)


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    """Accounts by code; a search finds the beginning of a code."""

    list_display = ("code", "book", "unit", "status", "floor_amount", "name", "opened_at")
    list_filter = ("status", "book")
    list_select_related = ("book", "unit")
    search_fields = ("code__startswith",)
    search_help_text = "The beginning of an account's code"
    ordering = ("-id",)
    fields = (
        "code",
        "book",
        "unit",
        "status",
        "floor_amount",
        "fast_debit_limit",
        "fast_debit_fixed",
        "name",
        "metadata",
        "opened_at",
    )

    @admin.display(description="floor")
    def floor_amount(self, account: Account) -> str:
        """The floor in the unit's scale."""
        return "none" if account.floor is None else format_amount(int(account.floor), account.unit.exponent)


@admin.register(AccountChange)
class AccountChangeAdmin(ReadOnlyAdmin):
    """Every change of an account's attributes: who, when, before, after."""

    list_display = ("changed_at", "account", "source_id", "reason")
    list_select_related = ("account",)
    search_fields = ("account__code__exact",)
    search_help_text = "An account's code"
    ordering = ("-id",)
    fields = ("changed_at", "account", "source_id", "reason", "before", "after")
