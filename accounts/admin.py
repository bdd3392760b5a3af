"""The admin of books, units and changes of accounts. Books and units are added once, changes are read; accounts: ledger.admin."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from accounts.imports import UnitResource
from accounts.limits import BOOKS_OFFERED_MAX, ID_DIGITS_MAX
from accounts.models import AccountChange, Book, Unit
from appendonly.admin import ReadOnlyAdmin
from security.models import Source
from security.reference_import import ReferenceImport


class BookFilter(admin.SimpleListFilter):
    """One book at a time: the keys of all tables lead with the book, so a page over all books could not be bounded."""

    title = "book"
    parameter_name = "book"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """The books, oldest first."""
        self._names = list(Book.objects.order_by("id").values_list("name", flat=True)[:BOOKS_OFFERED_MAX])
        return [(name, name) for name in self._names]

    def has_output(self) -> bool:
        """Always, because it is this filter that names the book."""
        return True

    def value(self) -> str | None:
        """The chosen book, or the first."""
        return super().value() or (self._names[0] if self._names else None)

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The books, without "all"."""
        yield from list(super().choices(changelist))[1:]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the book, also of one that is not offered; no rows for a name that is none."""
        book_id = Book.objects.filter(name=self.value()).values_list("id", flat=True).first()
        return queryset.none() if book_id is None else queryset.filter(book_id=book_id)


class InBookAdmin(ReadOnlyAdmin):
    """Base of admin pages over tables whose keys lead with the book."""

    list_filter: Any = (BookFilter,)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """One row by its id, found through the key, which leads with the book."""
        if from_field or not (object_id.isascii() and object_id.isdecimal() and len(object_id) <= ID_DIGITS_MAX):
            return None
        books = list(Book.objects.values_list("id", flat=True))
        return self.get_queryset(request).filter(book_id__in=books, pk=int(object_id)).first()


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
class UnitAdmin(ReferenceImport, _AddOnlyAdmin):
    """Units: currencies and units of one's own."""

    resource_classes: ClassVar = [UnitResource]

    list_display = ("code", "exponent", "name")
    fields = ("code", "exponent", "name")
    search_fields = ("code", "name")
    ordering = ("code",)


@admin.register(AccountChange)
class AccountChangeAdmin(InBookAdmin):
    """Every change of an account's attributes: who, when, before, after."""

    list_display = ("changed_at", "account", "who", "what", "reason")
    list_select_related = ("account",)
    sortable_by = ()
    search_fields = ("account__code__exact",)
    search_help_text = "An account's code"
    ordering = ("-id",)
    fields = ("changed_at", "account", "who", "reason", "before", "after")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountChange]:
        """With the name of who made each change."""
        rows: QuerySet[AccountChange] = super().get_queryset(request)
        names = Source.objects.filter(id=OuterRef("source_id")).values("name")
        return rows.annotate(source_name=Subquery(names))

    @admin.display(description="who")
    def who(self, change: Any) -> str:
        """The source that made it."""
        return change.source_name or "-"

    @admin.display(description="what")
    def what(self, change: AccountChange) -> str:
        """The attributes that it changed."""
        if change.before is None:
            return "opened"
        return ", ".join(name for name, value in change.after.items() if change.before.get(name) != value)
