"""What may be done to an account: freeze, open again, close, change its floor. Each leaves a record of who and why."""

from typing import Any, NamedTuple

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import Account, AccountStatus
from accounts.money import AmountError, ScaleError, check_amount, format_amount, parse_amount
from ledger.account_changes import ChangeRefused, change_account
from ledger.admin import acts, shown
from ledger.staff_acts import ask_floor

CHANGE = "accounts.change_account"
POST = "ledger.add_operation"


class StatusAct(NamedTuple):
    """One change of an account's status."""

    label: str
    status: AccountStatus
    of: frozenset[str]
    lead: str
    done: str


STATUS_ACTS = {
    "freeze": StatusAct(
        "Freeze",
        AccountStatus.FROZEN,
        frozenset({AccountStatus.OPEN}),
        "A frozen account takes neither increments nor decrements until it is opened again. It holds at once.",
        "The account is frozen.",
    ),
    "unfreeze": StatusAct(
        "Open again",
        AccountStatus.OPEN,
        frozenset({AccountStatus.FROZEN}),
        "The account takes increments and decrements again, at once.",
        "The account is open again.",
    ),
    "close": StatusAct(
        "Close",
        AccountStatus.CLOSED,
        frozenset({AccountStatus.OPEN, AccountStatus.FROZEN, AccountStatus.CLOSING}),
        "A closed account stays closed for ever; its history stays. Only an account with a balance of zero can be closed.",
        "The account is closed.",
    ),
}


class FloorForm(acts.ActForm):
    """The new floor in the account's unit."""

    floor = forms.CharField(
        label="Floor",
        required=False,
        max_length=48,
        widget=forms.TextInput({"class": "pn-input", "inputmode": "decimal"}),
        help_text="The least balance that a decrement may leave. Empty: no floor.",
    )
    field_order = ("floor", "reason", "token")

    def __init__(self, data: Any, *, account: Account, **more: Any) -> None:
        super().__init__(data, **more)
        self._exponent = account.unit.exponent
        self.fields["floor"].label = f"Floor, {account.unit.code}"

    def clean_floor(self) -> int | None:
        """Minor units."""
        text = self.cleaned_data["floor"].strip()
        if not text:
            return None
        try:
            check_amount(text.replace("0", "1"))  # the form of an amount; zero is a fine floor
            return parse_amount(text, self._exponent)
        except (AmountError, ScaleError) as error:
            raise forms.ValidationError(str(error)) from error


def buttons(request: HttpRequest, account: Account) -> list[dict[str, str]]:
    """The buttons that this person has on an account's page."""
    found: list[tuple[str, str, list[Any]]] = []
    if request.user.has_perm(POST) and account.status == AccountStatus.OPEN:
        found.append(("Post a correction", "accounts_account_correct", [account.pk]))
    if request.user.has_perm(CHANGE) and account.status != AccountStatus.CLOSED:
        found.append(("Change floor", "accounts_account_floor", [account.pk]))
        found += [
            (act.label, "accounts_account_status", [account.pk, name])
            for name, act in STATUS_ACTS.items()
            if account.status in act.of
        ]
    return [{"label": label, "url": reverse(f"admin:{name}", args=arguments)} for label, name, arguments in found]


def status_view(request: HttpRequest, account: Account, name: str, *, site: Any, opts: Any) -> HttpResponse:
    """Ask for a reason, then change the status."""
    if name not in STATUS_ACTS:
        raise Http404
    act = STATUS_ACTS[name]
    form = acts.ActForm(request.POST or None, initial=acts.fresh_token())
    if request.method == "POST" and form.is_valid():
        change = {"source_id": acts.source_of(request), "reason": form.cleaned_data["reason"]}
        try:
            change_account(account=account, changes={"status": act.status.value}, **change)
        except ChangeRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, act.done)
            return acts.lead_to(request, shown.account_url(account.pk))
    return _page(
        request,
        account,
        site,
        opts,
        f"{act.label}: {account.code}",
        act.lead,
        form,
        act.label,
        danger=name != "unfreeze",
    )


def floor_view(request: HttpRequest, account: Account, *, site: Any, opts: Any) -> HttpResponse:
    """Ask for the new floor and a reason; it is changed now, or when a second person approves it."""
    now = "" if account.floor is None else format_amount(int(account.floor), account.unit.exponent)
    form = FloorForm(request.POST or None, account=account, initial={**acts.fresh_token(), "floor": now})
    if request.method == "POST" and form.is_valid():
        standing = ask_floor(
            account=account,
            floor_minor=form.cleaned_data["floor"],
            reason=form.cleaned_data["reason"],
            source_id=acts.source_of(request),
        )
        return acts.tell(request, standing, done="The floor is changed.", back=shown.account_url(account.pk))
    lead = (
        "Decrements that would take the balance below the floor are refused."
        " A floor above the balance stops decrements; nothing else changes."
    )
    return _page(
        request, account, site, opts, f"Change the floor of {account.code}", lead, form, "Change floor", danger=False
    )


def _page(
    request: HttpRequest,
    account: Account,
    site: Any,
    opts: Any,
    title: str,
    lead: str,
    form: forms.Form,
    button: str,
    *,
    danger: bool,
) -> HttpResponse:
    return acts.page(
        request,
        site=site,
        opts=opts,
        title=title,
        lead=lead,
        form=form,
        button=button,
        danger=danger,
        back=shown.account_url(account.pk),
    )
