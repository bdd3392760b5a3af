"""The admin of the ledger: operations with their message and entries, entries, marks. All of it is for reading."""

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.money import format_amount
from appendonly.admin import ReadOnlyAdmin
from ledger.models import Entry, Mark, Operation
from ledger.queries import entries_of


@admin.register(Operation)
class OperationAdmin(ReadOnlyAdmin):
    """Operations, newest first; a search finds a key."""

    list_display = ("id", "recorded_at", "source", "key", "kind", "outcome", "effective_at")
    list_filter = ("kind", "book")
    list_select_related = ("source", "book")
    search_fields = ("key__exact",)
    search_help_text = "An idempotency key"
    ordering = ("-id",)
    fields = (
        "id",
        "book",
        "source",
        "credential",
        "request_id",
        "key",
        "kind",
        "outcome",
        "entries",
        "reverses",
        "received_at",
        "recorded_at",
        "effective_at",
        "metadata",
        "message_text",
        "message_digest",
    )

    @admin.display(description="entries")
    def entries(self, operation: Operation) -> SafeString:
        """The operation's entries, one a line."""
        rows = entries_of(book_id=operation.book_id, operation_ids=[operation.id])[operation.id]
        shown = ((e.account.code, format_amount(e.amount_minor, e.account.exponent), e.account.unit) for e in rows)
        return format_html_join("", "<div>{} {} {}</div>", shown)

    @admin.display(description="message as received")
    def message_text(self, operation: Operation) -> str:
        """The body of the request."""
        return bytes(operation.message).decode()

    @admin.display(description="message hash (SHA-256)")
    def message_digest(self, operation: Operation) -> str:
        """The fingerprint of the request."""
        return bytes(operation.message_hash).hex()


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """Entries, newest first; a search finds an account's."""

    list_display = ("id", "recorded_at", "account", "signed_amount", "operation_id", "effective_at")
    list_select_related = ("account__unit",)
    search_fields = ("account__code__exact",)
    search_help_text = "An account's code"
    ordering = ("-id",)
    fields = ("id", "book", "account", "signed_amount", "operation_id", "recorded_at", "effective_at")

    @admin.display(description="amount")
    def signed_amount(self, entry: Entry) -> str:
        """The amount in the unit's scale, with the unit."""
        unit = entry.account.unit
        return f"{format_amount(int(entry.amount), unit.exponent)} {unit.code}"


@admin.register(Mark)
class MarkAdmin(ReadOnlyAdmin):
    """Marks: up to where "so far" is safe."""

    list_display = ("id", "taken_at", "closed_at", "operation_id", "entry_id")
    ordering = ("-id",)
