"""The chain in the panel: blocks, signed heads with where they went, quarantine, and verifications, which can be asked for."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Concat
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from kombu.exceptions import OperationalError

from accounts.admin import InBookAdmin
from appendonly.admin import ReadOnlyAdmin
from ledger.admin import acts, shown
from ledger.models import (
    SealAcknowledgement,
    SealBlock,
    SealCheckpoint,
    SealCosignature,
    SealPublication,
    SealQuarantine,
    Verification,
)
from ledger.sealing import runs, status
from ledger.sealing.acknowledgements import AcknowledgementRefused, acknowledge
from ledger.sealing.verification import Mode
from ledger.tasks import verify

ASK = "ledger.ask_verification"
ACKNOWLEDGE = "ledger.acknowledge_sealquarantine"


class _ListedAdmin(InBookAdmin):
    """A list only: these records are named by a number that is unique within a book, so no address names one."""

    list_display_links = None
    sortable_by = ()
    list_before_template = "panel/_chains.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, below where the book's chain stands."""
        every = status.chains()
        chosen = [chain for chain in every if chain.book == request.GET.get("book")]
        chains = {"chains": chosen or every, "holder": status.holder(), "run": runs.newest()}
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **chains})
        return response

    def change_view(self, *_args: Any, **_options: Any) -> HttpResponse:
        """There is no page of one."""
        raise Http404


@admin.register(SealBlock)
class SealBlockAdmin(_ListedAdmin):
    """Blocks, newest first."""

    list_display = ("number", "sealed_at", "count", "size", "root_column", "incarnation", "from_id", "to_id")
    ordering = ("-number",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SealBlock]:
        """Without the hashes of their leaves, which may be many."""
        rows: QuerySet[SealBlock] = super().get_queryset(request)
        return rows.defer("leaf_hashes", "header")

    @admin.display(description="root")
    def root_column(self, block: SealBlock) -> str:
        """The root over all leaves up to this block."""
        return bytes(block.root).hex()


@admin.register(SealCheckpoint)
class SealCheckpointAdmin(_ListedAdmin):
    """Signed heads, newest first, and where each has gone."""

    list_display = ("size", "signed_at", "incarnation", "published_column", "cosigned_column")
    ordering = ("-size",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SealCheckpoint]:
        """With the names of those who have each head."""
        rows: QuerySet[SealCheckpoint] = super().get_queryset(request)
        same = {"book_id": OuterRef("book_id"), "size": OuterRef("size")}
        return rows.annotate(
            sinks=ArraySubquery(SealPublication.objects.filter(**same).order_by("sink").values("sink")),
            witnesses=ArraySubquery(SealCosignature.objects.filter(**same).order_by("witness").values("witness")),
        )

    @admin.display(description="published to")
    def published_column(self, head: Any) -> str:
        """The folders and addresses that have it."""
        return ", ".join(head.sinks) or "nowhere yet"

    @admin.display(description="cosigned by")
    def cosigned_column(self, head: Any) -> str:
        """The witnesses that have cosigned it."""
        return ", ".join(head.witnesses)


@admin.register(SealQuarantine)
class SealQuarantineAdmin(_ListedAdmin):
    """Operations without a valid code: they did not come through the service."""

    empty_sentence = "Nothing is in quarantine: every operation came through the service."
    list_display = ("operation_column", "reason", "found_at", "block_number", "acknowledged_column")
    ordering = ("-operation_id",)

    def get_urls(self) -> list[Any]:
        """With the address of the act."""
        act = self.admin_site.admin_view(self.acknowledge_view)
        return [
            path("<int:operation>/acknowledge/", act, name="ledger_sealquarantine_acknowledge"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SealQuarantine]:
        """With who acknowledged each last."""
        rows: QuerySet[SealQuarantine] = super().get_queryset(request)
        same = SealAcknowledgement.objects.filter(book_id=OuterRef("book_id"), operation_id=OuterRef("operation_id"))
        said = same.order_by("-acknowledged_at").annotate(
            said=Concat("who", Value(": "), "reason", output_field=TextField())
        )
        return rows.annotate(acknowledged=Subquery(said.values("said")[:1]))

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """The act is offered to those who may do it."""
        return self.list_display if request.user.has_perm(ACKNOWLEDGE) else (*self.list_display[:-1], "told_column")

    @admin.display(description="acknowledged")
    def told_column(self, row: Any) -> str:
        """Who looked into it and what they found."""
        return row.acknowledged or "not yet"

    @admin.display(description="acknowledged")
    def acknowledged_column(self, row: Any) -> Any:
        """The same, or the way to the act."""
        address = reverse("admin:ledger_sealquarantine_acknowledge", args=[row.operation_id])
        return row.acknowledged or format_html('<a class="pn-link" href="{}" data-dialog>Acknowledge</a>', address)

    def acknowledge_view(self, request: HttpRequest, operation: int) -> HttpResponse:
        """The act, with a reason."""
        acts.require(request, ACKNOWLEDGE)
        row = SealQuarantine.objects.select_related("book").filter(operation_id=operation).first()
        if row is None:
            raise Http404
        form = acts.ActForm(request.POST or None, initial=acts.fresh_token())
        back = reverse("admin:ledger_sealquarantine_changelist")
        if request.method == "POST" and form.is_valid():
            who = f"staff:{request.user.get_username()}"
            try:
                acknowledge(book=row.book, operation_id=operation, who=who, reason=form.cleaned_data["reason"])
            except AcknowledgementRefused as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, "It is acknowledged. Verification goes on telling of it, as acknowledged.")
                return acts.lead_to(request, back)
        lead = (
            "It did not come through the service and is no part of the chain. Say what it is and how it came there; undo it by "
            "a reversal where it must not count."
        )
        title = f"Acknowledge operation {operation}"
        context = {"title": title, "lead": lead, "form": form, "button": "Acknowledge", "back": back, "danger": True}
        return acts.page(request, site=self.admin_site, opts=self.opts, **context)

    @admin.display(description="operation")
    def operation_column(self, row: SealQuarantine) -> Any:
        """The operation, as a link."""
        return shown.operation_link(row.operation_id)


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    """Verifications, step by step, newest first; with a button that asks for one."""

    empty_sentence = "Nobody has asked for a verification yet; the buttons above ask the workers for one."
    list_display = ("noted_at", "mode", "state", "progress_column", "found_column")
    ordering = ("-id",)
    sortable_by = ()
    fields = ("run", "mode", "state", "noted_at", "done", "total", "exit_code", "report")
    list_before_template = "panel/_verify.html"

    def get_urls(self) -> list[Any]:
        """With the addresses of the button and of what tells how far the newest one is."""
        ask = self.admin_site.admin_view(require_POST(self.ask_view))
        progress = self.admin_site.admin_view(self.progress_view)
        return [
            path("ask/", ask, name="ledger_verification_ask"),
            path("progress/", progress, name="ledger_verification_progress"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, below the buttons and how far the newest verification is."""
        told = _progress() | {"may_ask": request.user.has_perm(ASK)}
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **told})
        return response

    def progress_view(self, request: HttpRequest) -> HttpResponse:
        """How far the newest verification is, as a part of the page that asks for itself again until it is done."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return TemplateResponse(request, "panel/_verification.html", _progress())

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """Ask the workers for a verification, unless one is under way."""
        acts.require(request, ASK)
        mode = Mode.FULL if request.POST.get("mode") == Mode.FULL else Mode.RECENT
        newest = runs.newest()
        if newest is not None and newest.state == "asked":
            messages.warning(request, "One is asked for already and has not begun.")
        else:
            run = runs.ask(mode=mode.value)
            try:
                verify.apply_async(kwargs={"mode": mode.value, "run": str(run)}, retry=False)
                messages.success(request, "The workers verify; below you see how far they are.")
            except OperationalError:
                messages.error(request, "The workers cannot be reached; manage.py verify does the same.")
        return HttpResponseRedirect(reverse("admin:ledger_verification_changelist"))

    @admin.display(description="operations")
    def progress_column(self, step: Verification) -> str:
        """How many of how many are verified."""
        return _far(step) if step.state == "running" else ""

    @admin.display(description="result")
    def found_column(self, step: Verification) -> Any:
        """What was found."""
        return _result(step) if step.state == "done" else ""


def _progress() -> dict[str, Any]:
    """What the templates show of the newest verification."""
    step = runs.newest()
    if step is None:
        return {"step": None}
    moving = step.state != "done"
    return {
        "step": step,
        "moving": moving,
        "far": _far(step),
        "percent": 100 * step.done // step.total if step.total else 0,
        "result": "" if moving else _result(step),
    }


def _far(step: Verification) -> str:
    return f"{step.done:,} of {step.total:,}"


def _result(step: Verification) -> Any:
    report = step.report or {}
    found = report.get("findings_total", 0)
    note = ", self check only" if report.get("self_check_only") else ""
    return shown.badge(f"{found} findings{note}" if found else f"sound{note}", "bad" if found else "good")
