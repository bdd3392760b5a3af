"""The queue of approvals: what would happen, in words, and the buttons to decide. And the thresholds.

Who may decide has the permission `security.decide_approval`; that nobody decides on their own request is held below, by the
database.
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from appendonly.admin import ReadOnlyAdmin
from security.approvals import KINDS, Decision, DecisionRefused, State, decide, open_since, state_of
from security.limits import AMOUNT_DIGITS_LIMIT, APPROVAL_ATTEMPTS_LIMIT, APPROVAL_REASON_CHARS_LIMIT
from security.models import Approval, ApprovalAttempt, ApprovalThreshold
from security.scales import exponent_of, from_minor, in_minor, in_units
from security.staff import source_of_staff

PERMISSION = "security.decide_approval"
COLOURS = {
    State.PENDING: "warning",
    State.APPROVED: "info",
    State.DONE: "success",
    State.REFUSED: "danger",
    State.REJECTED: "danger",
    State.FAILED: "danger",
}


class StateFilter(admin.SimpleListFilter):
    """Pending ones first: they are what people come for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        """The other lists; without a choice it is the queue."""
        return [("expired", "Expired"), ("failed", "Failed"), ("decided", "Decided"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        """Django's choices, where `all` is not what stands first."""
        first, *others = super().choices(changelist)
        return [{**first, "display": "Pending"}, *others]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Approval]) -> QuerySet[Approval]:
        """Narrow the list."""
        since = open_since(now=timezone.now())
        narrowed: dict[str | None, Q] = {
            "all": Q(),
            "decided": Q(decision__isnull=False),
            "failed": Q(effect__outcome="failed"),
            "expired": Q(decision=None, requested_at__lt=since),
        }
        return queryset.filter(narrowed.get(self.value(), Q(decision=None, requested_at__gte=since)))


class DecisionForm(forms.Form):
    """The reason, and which button was pressed."""

    reason = forms.CharField(max_length=APPROVAL_REASON_CHARS_LIMIT, widget=UnfoldAdminTextareaWidget({"rows": 3}))
    decision = forms.ChoiceField(choices=[(word.value, word.value) for word in Decision], widget=forms.HiddenInput)


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """What waits for a second person, and what became of it."""

    change_form_template = "admin/security/approval/change_form.html"
    empty_sentence = "Nothing waits for a second person. The filter shows what was decided."
    list_display = ("id", "requested_at", "kind_label", "summary", "requested_by", "state")
    list_select_related = ("requested_by", "decision__decided_by", "effect")
    list_filter = (StateFilter,)
    search_fields = ("summary", "requested_by__name")
    search_help_text = "Words of the summary, or who asked"
    ordering = ("-id",)
    fields = (
        "kind_label",
        "summary",
        "amounts_in_units",
        "requested_by",
        "requested_at",
        "state",
        "decided_by",
        "decided_at",
        "reason",
        "result",
        "failures",
        "payload",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        """With the decision and the effect: a page shows both."""
        rows: QuerySet[Approval] = super().get_queryset(request)
        return rows.select_related("requested_by", "decision__decided_by", "effect")

    @admin.display(description="kind")
    def kind_label(self, approval: Approval) -> str:
        """The kind in words."""
        return KINDS[approval.kind].label if approval.kind in KINDS else approval.kind

    @display(description="state", label=COLOURS)  # type: ignore[untyped-decorator] # unfold has no types
    def state(self, approval: Approval) -> str:
        """Where it stands."""
        return state_of(approval).value

    @admin.display(description="decided by")
    def decided_by(self, approval: Approval) -> str:
        """Who decided; nobody where none was needed."""
        if not hasattr(approval, "decision"):
            return "-"
        return str(approval.decision.decided_by or "nobody: not above the threshold")

    @admin.display(description="decided at")
    def decided_at(self, approval: Approval) -> Any:
        """When it was decided."""
        return approval.decision.decided_at if hasattr(approval, "decision") else None

    @admin.display(description="reason")
    def reason(self, approval: Approval) -> str:
        """Why it was decided so."""
        return approval.decision.reason if hasattr(approval, "decision") else "-"

    @admin.display(description="what became of it")
    def result(self, approval: Approval) -> str:
        """What the act answered."""
        kept = approval.effect.result if hasattr(approval, "effect") else {}
        return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in kept.items()) or "-"

    @admin.display(description="amounts")
    def amounts_in_units(self, approval: Approval) -> str:
        """What was compared with the thresholds, as each unit writes it."""
        told = [
            f"any amount of {unit or 'every unit'}" if minor is None else in_units(int(minor), unit)
            for unit, minor in approval.amounts.items()
        ]
        return ", ".join(told) or "-"

    @admin.display(description="failures so far")
    def failures(self, approval: Approval) -> str:
        """How often what was approved could not be done, and the last reason."""
        reasons = list(ApprovalAttempt.objects.filter(approval_id=approval.pk).order_by("id"))
        return f"{len(reasons)} of {APPROVAL_ATTEMPTS_LIMIT}: {reasons[-1].reason}" if reasons else "-"

    def get_urls(self) -> list[URLPattern]:
        """The page's own address for a decision, before the pages of Django."""
        decision = path(
            "<path:object_id>/decide/",
            self.admin_site.admin_view(self.decide_view),
            name="security_approval_decide",
        )
        return [decision, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of one approval; with the form where this person can decide."""
        approval = self.get_object(request, object_id)
        asked = self._decisions(request, approval) if approval is not None else []
        extra = {"decisions": asked, "decision_form": DecisionForm(), **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, extra)
        return response

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Record a decision, then show what became of it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        approval = self.get_object(request, object_id)
        if approval is None:
            raise Http404
        form = DecisionForm(request.POST)
        page = HttpResponseRedirect(reverse("admin:security_approval_change", args=[approval.pk]))
        if not form.is_valid():
            self.message_user(request, "Give a reason; it stays with the decision.", messages.ERROR)
            return page
        decision = Decision(form.cleaned_data["decision"])
        if decision is not Decision.WITHDRAWN and not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        try:
            by = _source_of(request)
            became = decide(approval_id=approval.pk, by=by, decision=decision, reason=form.cleaned_data["reason"])
        except DecisionRefused as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            level = messages.SUCCESS if became.state not in {State.REFUSED, State.FAILED} else messages.WARNING
            self.message_user(request, f"Approval {approval.pk} is {became.state}.", level)
        return page

    def _decisions(self, request: HttpRequest, approval: Approval) -> list[tuple[str, str]]:
        """The buttons that this person has on this page: (decision, caption)."""
        if state_of(approval) is not State.PENDING:
            return []
        if approval.requested_by_id == _source_of(request):
            return [(Decision.WITHDRAWN.value, "Withdraw")]
        if not request.user.has_perm(PERMISSION):
            return []
        return [(Decision.APPROVED.value, "Approve"), (Decision.REJECTED.value, "Reject")]


class ThresholdForm(forms.ModelForm):  # type: ignore[type-arg] # it takes no argument at run time
    """A threshold for one of the kinds that the program knows; its amount as the unit writes it."""

    kind = forms.ChoiceField(
        choices=lambda: [(kind, known.label) for kind, known in sorted(KINDS.items())], widget=UnfoldAdminSelectWidget
    )
    above_minor = forms.DecimalField(
        label="Approval needed above",
        required=False,
        min_value=0,
        max_digits=AMOUNT_DIGITS_LIMIT,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
        help_text="An amount of the unit, such as 1000.00. 0: always needed. Empty: never needed.",
    )

    class Meta:
        model = ApprovalThreshold
        fields = ("kind", "unit", "above_minor")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        exponent = exponent_of(self.instance.unit)
        if self.instance.above_minor and exponent is not None:
            self.initial["above_minor"] = from_minor(self.instance.above_minor, exponent)

    def clean(self) -> dict[str, Any]:
        """The amount in minor units, as the table has it."""
        values: dict[str, Any] = super().clean() or {}
        unit, above = values.get("unit", ""), values.get("above_minor")
        exponent = exponent_of(unit) if unit else 0
        if exponent is None:
            self.add_error("unit", f"There is no unit {unit}.")
        elif above is not None and -above.as_tuple().exponent > exponent:
            self.add_error("above_minor", f"{unit or 'This'} has {exponent} decimals.")
        elif above is not None:
            values["above_minor"] = in_minor(above, exponent)
        return values


@admin.register(ApprovalThreshold)
class ApprovalThresholdAdmin(ModelAdmin):  # type: ignore[misc] # unfold has no types
    """Up to which amount no second person is needed."""

    form = ThresholdForm
    list_display = ("kind_label", "unit", "needed")
    list_filter: ClassVar = ["kind"]
    ordering = ("kind", "unit", "id")
    readonly_fields = ("kind_label", "needed")

    def get_fields(self, request: HttpRequest, obj: ApprovalThreshold | None = None) -> Any:
        """The form; for who may only look, its words."""
        may_set = obj is None or self.has_change_permission(request, obj)
        return ("kind", "unit", "above_minor") if may_set else ("kind_label", "unit", "needed")

    @admin.display(description="kind", ordering="kind")
    def kind_label(self, threshold: ApprovalThreshold) -> str:
        """The kind in words."""
        return KINDS[threshold.kind].label if threshold.kind in KINDS else threshold.kind

    @admin.display(description="approval needed", ordering="above_minor")
    def needed(self, threshold: ApprovalThreshold) -> str:
        """From when on, in the unit."""
        if not threshold.above_minor:
            return "never" if threshold.above_minor is None else "always"
        return f"above {in_units(threshold.above_minor, threshold.unit)}"


def _source_of(request: HttpRequest) -> int:
    return source_of_staff(user_id=request.user.pk or 0, username=request.user.get_username())
