"""Entries in the panel, and what is made of them: snapshots, and the marks up to which "so far" is safe. To read only."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList as DjangoChangeList
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from accounts.admin import InBookAdmin
from accounts.models import Account, Book
from accounts.queries import facts_by_id
from appendonly.admin import ReadOnlyAdmin
from ledger.admin import shown
from ledger.models import Entry, Mark, Snapshot


class _OfAccountChangeList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """A page of records, with the facts of their accounts read for all of them at once."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        """Django's page, then one query for the accounts: a join would find them without their book, which leads their key."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        _read_accounts(self.result_list)


class _OfAccountAdmin(InBookAdmin):
    """Records of accounts; a search finds one account's."""

    search_fields = ("account__code",)
    search_help_text = "An account's code, exactly"
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[DjangoChangeList]:  # noqa: ARG002 - Django's signature
        """The page that knows accounts."""
        return _OfAccountChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """One record, with the facts of its account."""
        row = super().get_object(request, object_id, from_field)
        _read_accounts([] if row is None else [row])
        return row

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the account's id, so that its index is read and not the table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "\0" in term:
            return queryset.none(), False
        books = list(Book.objects.values_list("id", flat=True))
        ids = Account.objects.filter(book_id__in=books, code=term).values_list("id", flat=True)
        return queryset.filter(account_id__in=list(ids)), False

    @admin.display(description="account")
    def account_column(self, row: Any) -> SafeString:
        """The account, as a link."""
        return shown.account_link(row.account_id, row.facts.code)


@admin.register(Entry)
class EntryAdmin(_OfAccountAdmin):
    """Entries, newest first."""

    list_display = ("id", "recorded_at", "account_column", "amount_column", "operation_column", "effective_at")
    ordering = ("-id",)
    fields = ("id", "book", "account_column", "amount_column", "operation_column", "recorded_at", "effective_at")
    readonly_fields = fields

    @admin.display(description="amount")
    def amount_column(self, entry: Any) -> SafeString:
        """The amount in the unit's scale, with the unit."""
        return shown.amount(int(entry.amount), entry.facts.exponent, entry.facts.unit)

    @admin.display(description="operation")
    def operation_column(self, entry: Entry) -> SafeString:
        """The operation, as a link."""
        return shown.operation_link(entry.operation_id)


@admin.register(Snapshot)
class SnapshotAdmin(_OfAccountAdmin):
    """Snapshots of balances by account, each account's newest first: in the order of their key, backwards. A list only."""

    list_display = ("account_column", "entry_id", "balance_column")
    list_display_links = None
    ordering = ("-account_id", "-entry_id")

    def change_view(self, *_args: Any, **_options: Any) -> HttpResponse:
        """There is no page of one: accounts share the id."""
        raise Http404

    @admin.display(description="balance")
    def balance_column(self, snapshot: Any) -> SafeString:
        """The balance in the unit's scale, with the unit."""
        return shown.amount(int(snapshot.balance), snapshot.facts.exponent, snapshot.facts.unit)


@admin.register(Mark)
class MarkAdmin(ReadOnlyAdmin):
    """Marks: up to where "so far" is safe."""

    list_display = ("id", "taken_at", "closed_at", "operation_id", "entry_id")
    ordering = ("-id",)
    sortable_by = ()


def _read_accounts(rows: list[Any]) -> None:
    """Give each record the facts of its account; one query for each book, of which a page has one."""
    by_book: dict[int, set[int]] = {}
    for row in rows:
        by_book.setdefault(row.book_id, set()).add(row.account_id)
    facts = {book_id: facts_by_id(book_id=book_id, ids=ids) for book_id, ids in by_book.items()}
    for row in rows:
        row.facts = facts[row.book_id][row.account_id]
