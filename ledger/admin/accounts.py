"""Accounts in the panel: the list with balances, and the way to an account's page (account_page.py)."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList as DjangoChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from accounts.admin import BookFilter, InBookAdmin
from accounts.imports import AccountResource
from accounts.limits import CODE_CHARACTERS_MAX
from accounts.models import Account, AccountStatus, Unit
from accounts.queries import accounts_page
from ledger.admin import account_acts, account_page, exports, shown
from ledger.admin.account_export import export_history
from ledger.admin.accounts_export import export_accounts
from ledger.admin.acts import require, source_of
from ledger.admin.fields import query_with
from ledger.admin.operation_acts import correct_view
from ledger.limits import NAMES_FOUND_MAX, SUGGESTIONS_MAX
from ledger.reports import Standing, standings
from security.reference_import import ReferenceImport

BOOK_DIGITS_MAX = 10  # a book's id has 32 bits
CODE_LAST = "\U0010ffff"  # above every character of a code


class UnitFilter(admin.SimpleListFilter):
    """Accounts of one unit."""

    title = "unit"
    parameter_name = "unit"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """The units that are used by few enough to choose from."""
        return [(code, code) for code in Unit.objects.order_by("code").values_list("code", flat=True)]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The unit's id as a value, so that the index in the order of codes serves the page."""
        if self.value() is None:
            return queryset
        return queryset.filter(unit_id__in=list(Unit.objects.filter(code=self.value()).values_list("id", flat=True)))


class StatusFilter(admin.SimpleListFilter):
    """Accounts of one status."""

    title = "status"
    parameter_name = "status"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """Each status."""
        return [(str(value), str(label)) for value, label in AccountStatus.choices]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The index of accounts that are not open is only used where the statement says so."""
        if self.value() is None:
            return queryset
        found = queryset.filter(status=self.value())
        return found if self.value() == AccountStatus.OPEN else found.exclude(status=AccountStatus.OPEN)


class AccountChangeList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """A page of accounts with their balances, read for all of them at once."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        """Django's page, then one query for balances and last movements."""
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        by_book: dict[int, list[int]] = {}
        for account in rows:
            by_book.setdefault(account.book_id, []).append(account.id)
        found: dict[int, Standing] = {}
        for book_id, ids in by_book.items():
            found |= standings(book_id=book_id, account_ids=ids)
        for account in rows:
            account.standing = found[account.id]
        self.result_list = rows


@admin.register(Account)
class AccountAdmin(ReferenceImport, InBookAdmin):
    """Accounts by code, each with its balance of now."""

    resource_classes: ClassVar = [AccountResource]
    list_display = (
        "code_column",
        "name",
        "unit",
        "balance_column",
        "floor_column",
        "status_column",
        "moved_column",
        "opened_at",
    )
    list_display_links = ("code_column",)
    list_filter = (BookFilter, UnitFilter, StatusFilter)
    list_select_related = ("book", "unit")
    list_before_template = "panel/_exports.html"
    search_fields = ("code",)
    search_help_text = "The beginning of a code or a name"
    ordering = ("code",)
    sortable_by: ClassVar = ("code_column", "opened_at")

    def get_import_resource_kwargs(self, request: HttpRequest, **_more: Any) -> dict[str, Any]:
        """Accounts are opened in the person's name."""
        return {"source_id": source_of(request)}

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[DjangoChangeList]:  # noqa: ARG002 - Django's signature
        """The page that knows balances."""
        return AccountChangeList

    def get_search_results(
        self, _request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By the beginning of the code, or of the name in any case; both by an index."""
        term = search_term.strip()
        if not term or "\0" in term:
            return queryset, False
        if len(term) > CODE_CHARACTERS_MAX:
            return queryset.none(), False
        by_code = queryset.filter(code__gte=term, code__lt=term + CODE_LAST)
        names = queryset.exclude(name="").alias(lowered=Lower("name")).filter(lowered__startswith=term.lower())
        by_name = list(names.order_by().values_list("id", flat=True)[:NAMES_FOUND_MAX])
        return (
            queryset.filter(id__in=[*by_code.values_list("id", flat=True)[:NAMES_FOUND_MAX], *by_name])
            if by_name
            else by_code
        ), False

    def change_view(
        self, request: HttpRequest, object_id: str, _form_url: str = "", _extra_context: Any = None
    ) -> HttpResponse:
        """The page of one account."""
        account = self._account(request, object_id)
        return TemplateResponse(
            request,
            "panel/account.html",
            {**self.admin_site.each_context(request), "opts": self.opts, **account_page.context(request, account)},
        )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the addresses of its export."""
        query = query_with(request, p=None)
        files = {kind: reverse("admin:accounts_account_export_list", args=[kind]) + query for kind in exports.TYPES}
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **files})
        return response

    def export_list_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """The accounts of the list as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if kind not in exports.TYPES:
            raise Http404
        try:
            accounts = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponse("There is no such filter.", status=400, content_type="text/plain; charset=utf-8")
        return export_accounts(kind=kind, accounts=accounts)

    def export_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The history of one account as a file."""
        return export_history(request, self._account(request, object_id))

    def status_view(self, request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        """Freeze, open again or close one account."""
        require(request, account_acts.CHANGE)
        account = self._account(request, object_id)
        return account_acts.status_view(request, account, act, site=self.admin_site, opts=self.opts)

    def floor_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change the floor of one account."""
        require(request, account_acts.CHANGE)
        account = self._account(request, object_id)
        return account_acts.floor_view(request, account, site=self.admin_site, opts=self.opts)

    def correct_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Post a correction that begins with one account."""
        require(request, account_acts.POST)
        account = self._account(request, object_id)
        return correct_view(
            request, book_id=account.book_id, operation=None, account=account, site=self.admin_site, opts=self.opts
        )

    def suggest_view(self, request: HttpRequest) -> JsonResponse:
        """Accounts whose code begins with what is typed, with what a form must know of them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        book, term = request.GET.get("book", ""), request.GET.get("q", "")
        if not (book.isascii() and book.isdecimal() and len(book) < BOOK_DIGITS_MAX) or "\0" in term:
            return JsonResponse({"accounts": []})
        found = accounts_page(
            book_id=int(book), prefix=term, unit=None, status=None, beyond=None, ascending=True, rows=SUGGESTIONS_MAX
        )
        facts = [
            {"code": a.code, "unit": a.unit.code, "exponent": a.unit.exponent, "status": a.status, "name": a.name}
            for a in found
        ]
        return JsonResponse({"accounts": facts})

    def get_urls(self) -> list[Any]:
        """With the exports and the acts."""
        view = self.admin_site.admin_view
        return [
            path("suggest/", view(self.suggest_view), name="accounts_account_suggest"),
            path("export/<str:kind>/", view(self.export_list_view), name="accounts_account_export_list"),
            path("<path:object_id>/export/", view(self.export_view), name="accounts_account_export"),
            path("<path:object_id>/correct/", view(self.correct_view), name="accounts_account_correct"),
            path("<path:object_id>/floor/", view(self.floor_view), name="accounts_account_floor"),
            path("<path:object_id>/status/<str:act>/", view(self.status_view), name="accounts_account_status"),
            *super().get_urls(),
        ]

    def _account(self, request: HttpRequest, object_id: str) -> Account:
        account: Account | None = self.get_object(request, object_id)
        if account is None:
            raise Http404
        if not self.has_view_permission(request, account):
            raise PermissionDenied
        return account

    @admin.display(description="account", ordering="code")
    def code_column(self, account: Account) -> str:
        """The code; it leads to the account's page."""
        return account.code

    @admin.display(description="balance")
    def balance_column(self, account: Any) -> SafeString:
        """The balance of now, in the unit's scale."""
        return shown.amount(account.standing.balance_minor, account.unit.exponent)

    @admin.display(description="floor")
    def floor_column(self, account: Account) -> SafeString:
        """The floor in the unit's scale."""
        return shown.amount(None if account.floor is None else int(account.floor), account.unit.exponent)

    @admin.display(description="status")
    def status_column(self, account: Account) -> SafeString:
        """Open, frozen or closed."""
        return shown.status_badge(account.status)

    @admin.display(description="last movement")
    def moved_column(self, account: Any) -> str:
        """When the last entry was recorded."""
        return shown.moment(account.standing.moved_at)
