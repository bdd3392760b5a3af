"""Mass operations in the panel: the list, the upload, the page of one with its check, decision and progress, and its mapping.

A view reads a form, makes one call, and shows what became of it.
"""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from appendonly.admin import ReadOnlyAdmin
from ledger.admin.acts import lead_to, require, source_of
from ledger.admin.acts import page as act_page
from ledger.queries import source_name
from massops import files, queries, results, uploads
from massops.admin import acts
from massops.admin.forms import NEW_MAPPING, DecisionForm, MoveForm, OpenForm, SaveForm, UploadForm
from massops.admin.mapping_form import MappingForm, initial_of
from massops.admin.preview import header_of, preview_of
from massops.api.files import csv_response
from massops.limits import ERRORS_PAGE_ROWS, TYPED_CONFIRMATION_ROWS
from massops.models import FINAL_STATES, MassOperation, RowProblem, SavedMapping, State
from massops.rows.mapping import TEMPLATES, Cell, Mapping, MappingError
from massops.sources import mapping_in_use

ADD, CHANGE, VIEW = (f"massops.{verb}_massoperation" for verb in ("add", "change", "view"))
MOVING = (State.CHECKING, State.POSTING, State.SCHEDULED, State.WAITING)
_COUNTS = ("rows_read", "rows_good", "rows_bad", "accounts", "row", "rows", "posted", "refused", "rows_per_second")
_AMOUNTS = {"sum", "smallest", "largest", "increments", "decrements", "balance", "lowest", "floor"}
BADGES = {State.DONE: "good", State.FAILED: "bad", State.CANCELLED: "soft", State.PAUSED: "warn", State.WAITING: "warn"}


@admin.register(MassOperation)
class MassOperationAdmin(ReadOnlyAdmin):
    """Mass operations, newest first."""

    empty_sentence = "Who may upload begins with a file: the button with the plus, at the top."
    list_display = (
        "id",
        "name",
        "kind",
        "state",
        "rows_read",
        "rows_bad",
        "rows_posted",
        "rows_refused",
        "source",
        "created_at",
    )
    list_display_links = ("id", "name")
    list_filter = ("state", "kind", "book")
    list_select_related = ("source",)
    search_fields = ("name__icontains",)
    search_help_text = "A part of the name"
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who may upload, uploads."""
        return bool(request.user.has_perm(ADD))

    def get_urls(self) -> list[URLPattern]:
        """The pages of one mass operation, before Django's own."""
        views = {
            "template/<str:kind>.csv": (self.template, "template"),
            "<int:pk>/mapping/": (self.mapping, "mapping"),
            "<int:pk>/status/": (self.status, "status"),
            "<int:pk>/errors.csv": (self.errors, "errors"),
            "<int:pk>/results.csv": (self.results, "results"),
            "<int:pk>/do/<str:act>/": (self.do, "do"),
        }
        wrap = self.admin_site.admin_view
        own = [path(route, wrap(view), name=f"massops_massoperation_{name}") for route, (view, name) in views.items()]
        return [*own, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[MassOperation]":
        """With what the list shows."""
        found: QuerySet[MassOperation] = super().get_queryset(request).select_related("source", "file", "book")
        return found

    # --- upload ------------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Upload a file."""
        require(request, ADD)
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                return self._uploaded(request, form)
            except files.FileKnown as known:
                form.add_error("again", f"{known} Tick this box if you mean it.")
            except (files.FileTooLarge, MappingError) as error:
                form.add_error(None, str(error))
        return self._page(request, "massops/upload.html", title="Upload a file", form=form, templates=list(TEMPLATES))

    def _uploaded(self, request: HttpRequest, form: UploadForm) -> HttpResponse:
        data = form.cleaned_data
        choice = data["mapping"]
        named = choice not in {"", NEW_MAPPING}
        made = uploads.upload(
            stream=data["file"],
            book_id=data["book"].id,
            source_id=source_of(request),
            credential="panel",
            name=data["file"].name,
            received_at=timezone.now(),
            mapping=uploads.saved_mapping(name=choice) if named else None,
            mapping_name=choice if named else "",
            own_keys=data["own_keys"] == "own",
            again=data["again"],
            checked_now=choice != NEW_MAPPING,
        )
        return HttpResponseRedirect(_url("mapping" if choice == NEW_MAPPING else "change", made.id))

    def mapping(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Say what the columns mean, see the first rows, and check."""
        require(request, ADD)
        found = self._found(pk)
        used = mapping_in_use(found) or Mapping(account=Cell(column="account"))
        form = MappingForm(request.POST or None, initial=initial_of(used))
        save = SaveForm(request.POST or None)
        chosen: Mapping | None = mapping_in_use(found)
        if request.method == "POST" and form.is_valid() and save.is_valid():
            chosen = form.cleaned_data["mapping"]
            if "check" in request.POST:
                return self._checked(request, found, chosen, save.cleaned_data["save_as"].strip())
        shown = preview_of(found, chosen) if form.is_bound and form.is_valid() else None
        return self._page(
            request,
            "massops/mapping.html",
            title=f"Columns of {found.name}",
            found=found,
            form=form,
            save=save,
            columns=header_of(found, chosen or used),
            raw=preview_of(found, chosen or used)["raw"][:6],
            shown=shown,
        )

    def _checked(self, request: HttpRequest, found: MassOperation, mapping: Mapping, name: str) -> HttpResponse:
        if name:
            SavedMapping.objects.update_or_create(
                name=name,
                defaults={"document": uploads.document_of(mapping), "changed_by": request.user.get_username()},
            )
        acts.attempt(
            request,
            lambda: uploads.check_again(
                mass_operation_id=found.id,
                source_id=source_of(request),
                mapping=mapping,
                mapping_name=name,
                own_keys=found.own_keys,
            ),
        )
        return HttpResponseRedirect(_url("change", found.id))

    # --- one mass operation ------------------------------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: Any = None,  # noqa: ARG002 - Django's signature
    ) -> HttpResponse:
        """The page of a mass operation: what it is, what was found, what is decided, what can be done."""
        require(request, VIEW)
        found = self._found(int(object_id) if object_id.isdecimal() else 0)
        return self._shown(request, found)

    def _shown(self, request: HttpRequest, found: MassOperation, **forms: Any) -> HttpResponse:
        typed = found.rows_good if found.rows_good >= TYPED_CONFIRMATION_ROWS else None
        context = {
            "decision_form": DecisionForm(initial={"rows": found.rows_good}, typed_rows=typed),
            "open_form": OpenForm(),
            "problems": RowProblem.objects.filter(mass_operation=found).order_by("row", "id")[:ERRORS_PAGE_ROWS],
            "events": _history(found),
            "reversals": found.reversals.order_by("id"),
            "may_change": request.user.has_perm(CHANGE),
            "may_open": request.user.has_perm(CHANGE) and request.user.has_perm("accounts.add_account"),
            "can_decide": found.state == State.CHECKED and found.is_readable and found.rows_good > 0,
            "final": found.state in FINAL_STATES,
            **_state(found),
            **forms,
        }
        return self._page(request, "massops/page.html", title=f"Mass operation {found.id}", **context)

    def status(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The moving part of the page, which asks for itself; it reloads the page once the state has changed."""
        require(request, VIEW)
        found = self._found(pk)
        response = TemplateResponse(request, "massops/_status.html", _state(found))
        if request.GET.get("state") != found.state:
            response.headers["HX-Refresh"] = "true"
        return response

    def do(self, request: HttpRequest, pk: int, act: str) -> HttpResponse:
        """Do one act of the page, by POST; those with a reason have a form, which is asked for first."""
        require(request, CHANGE)
        found = self._found(pk)
        if act in acts.REASONED:
            return self._with_reason(request, found, acts.REASONED[act])
        if request.method != "POST" or act not in acts.ACTS:
            return HttpResponseRedirect(_url("change", found.id))
        if act == "decide":
            typed = found.rows_good if found.rows_good >= TYPED_CONFIRMATION_ROWS else None
            form = DecisionForm(request.POST, typed_rows=typed)
            if not form.is_valid():
                return self._shown(request, found, decision_form=form)
            acts.decide(request, found, form.cleaned_data)
        else:
            acts.move(request, found, act)
        return HttpResponseRedirect(_url("change", found.id))

    def _with_reason(self, request: HttpRequest, found: MassOperation, act: acts.Reasoned) -> HttpResponse:
        form = MoveForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and (made := acts.with_reason(request, found, act, form)) is not None:
            return lead_to(request, _url("change", made.id))
        title, back = f"{act.title}: {found.name}", _url("change", found.id)
        shown = {"title": title, "lead": act.lead, "form": form, "button": act.button, "danger": True, "back": back}
        return act_page(request, site=self.admin_site, opts=self.opts, **shown)

    # --- downloads ---------------------------------------------------------------------------------------------------

    def errors(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Every error, beside the file's own columns."""
        require(request, VIEW)
        found = self._found(pk)
        return csv_response(results.errors(found), f"mass-operation-{found.id}-errors.csv")

    def results(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Every row with its outcome."""
        require(request, VIEW)
        found = self._found(pk)
        return csv_response(results.results(found), f"mass-operation-{found.id}-results.csv")

    def template(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """The header of a file that needs no mapping."""
        require(request, VIEW)
        return csv_response([TEMPLATES.get(kind, TEMPLATES["entries"])], f"template-{kind}.csv")

    def _found(self, pk: int) -> MassOperation:
        found = MassOperation.objects.select_related("file", "book", "source", "reverses__file").filter(id=pk).first()
        if found is None:
            raise Http404("There is no such mass operation.")
        return found

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        return TemplateResponse(
            request, template, {**self.admin_site.each_context(request), "opts": self.opts, **context}
        )


def _history(found: MassOperation) -> list[dict[str, Any]]:
    """Every move, with the name of who made it."""
    return [
        {
            "happened_at": event.happened_at,
            "state_from": event.state_from,
            "state_to": event.state_to,
            "who": source_name(event.source_id) if event.source_id else "",
            "reason": event.reason,
        }
        for event in found.events.order_by("id")
    ]


def _state(found: MassOperation) -> dict[str, Any]:
    document = queries.document_of(found)
    check, progress = document["check"], document["progress"]
    return {
        "found": found,
        "document": document,
        "check": check and _for_people(check),
        "progress": progress and _for_people(progress),
        "percent": round(100 * progress["share"]) if progress else 0,
        "badge": BADGES.get(State(found.state), "plain"),
        "moving": found.state in MOVING or bool(found.wish),
    }


def _for_people(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the document with counts of rows and amounts grouped by thousands."""
    shown: dict[str, Any] = part | {name: f"{part[name]:,}" for name in _COUNTS if name in part}
    for name in ("units", "below_floor"):
        if name in part:
            shown[name] = [{key: _grouped(key, value) for key, value in row.items()} for row in part[name]]
    if "sums" in part:
        shown["sums"] = {unit: _grouped("sum", amount) for unit, amount in part["sums"].items()}
    return shown


def _grouped(name: str, value: Any) -> Any:
    if name == "rows":
        return f"{value:,}"
    return format(Decimal(value), ",f") if name in _AMOUNTS else value


def _url(name: str, pk: int) -> str:
    return reverse(f"admin:massops_massoperation_{name}", args=[pk])
