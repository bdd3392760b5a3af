"""Reverse and correct: the two ways to put something right in a ledger where nothing is edited."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from accounts.models import Account
from accounts.money import format_amount
from ledger import queries
from ledger.admin import acts, shown
from ledger.admin.operations_page import entry_parts
from ledger.limits import CORRECTION_ROWS_MAX
from ledger.messages import Malformed
from ledger.models import Operation
from ledger.staff_acts import ActRefused, ask_correction, ask_reversal

EMPTY_ROWS = 2


class EntryForm(forms.Form):
    """One line of a correction."""

    account = forms.CharField(required=False, max_length=128)
    amount = forms.CharField(required=False, max_length=48)


EntryFormSet = forms.formset_factory(EntryForm, extra=0, max_num=CORRECTION_ROWS_MAX, absolute_max=CORRECTION_ROWS_MAX)


def reverse_view(request: HttpRequest, operation: Operation, *, site: Any, opts: Any) -> HttpResponse:
    """Ask for a reason, then post the opposite entries, once."""
    form = acts.DatedActForm(request.POST or None, initial=acts.fresh_token())
    if request.method == "POST" and form.is_valid():
        try:
            standing = ask_reversal(
                operation=operation,
                reason=form.cleaned_data["reason"],
                effective_at=form.effective_text,
                token=str(form.cleaned_data["token"]),
                sender=acts.staff_sender(request),
            )
        except (ActRefused, Malformed) as refusal:
            form.add_error(None, str(refusal))
        else:
            done = f"Operation {operation.id} is reversed; this is the reversal."
            return acts.tell(request, standing, done=done, back=shown.operation_url(operation.id))
    entries = queries.entries_of(book_id=operation.book_id, operation_ids=[operation.id])[operation.id]
    return acts.page(
        request,
        site=site,
        opts=opts,
        title=f"Reverse operation {operation.id}",
        lead="A reversal is a new operation with the opposite entries. The original stays as it is. It can be made once.",
        entries=[entry_parts(entry.__class__(entry.id, entry.account, -entry.amount_minor)) for entry in entries],
        form=form,
        button="Reverse",
        danger=True,
        back=shown.operation_url(operation.id),
    )


def correct_view(
    request: HttpRequest, *, book_id: int, operation: Operation | None, account: Account | None, site: Any, opts: Any
) -> HttpResponse:
    """Ask for entries that add up to zero and a reason, then post them as one operation."""
    form = acts.DatedActForm(request.POST or None, initial=acts.fresh_token())
    rows = EntryFormSet(request.POST or None, prefix="entry", initial=_initial(operation, account))
    back = shown.operation_url(operation.id) if operation else shown.account_url(account.id) if account else "../"
    if request.method == "POST" and form.is_valid() and rows.is_valid():
        told = [(row["account"].strip(), row["amount"].strip()) for row in rows.cleaned_data if row]
        entries = [(code, amount) for code, amount in told if code or amount]
        try:
            standing = ask_correction(
                book_id=book_id,
                entries=entries,
                reason=form.cleaned_data["reason"],
                corrects=operation.id if operation else None,
                effective_at=form.effective_text,
                token=str(form.cleaned_data["token"]),
                sender=acts.staff_sender(request),
            )
        except Malformed as error:
            for problem in error.problems:
                form.add_error(None, f"{_place(problem.pointer)}{problem.detail}")
        except ActRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            return acts.tell(request, standing, done="The correction is posted; this is it.", back=back)
    return acts.page(
        request,
        site=site,
        opts=opts,
        title=f"Correct operation {operation.id}" if operation else "Post a correction",
        lead="A correction is a new operation in your name. Its entries must add up to zero for each unit.",
        form=form,
        rows=rows,
        book_id=book_id,
        rows_max=CORRECTION_ROWS_MAX,
        button="Post the correction",
        back=back,
    )


def _initial(operation: Operation | None, account: Account | None) -> list[dict[str, str]]:
    """The lines to begin with: the opposite of what is corrected, or the account and its other side."""
    lines: list[dict[str, str]] = []
    if operation is not None:
        entries = queries.entries_of(book_id=operation.book_id, operation_ids=[operation.id])[operation.id]
        lines = [
            {"account": entry.account.code, "amount": format_amount(-entry.amount_minor, entry.account.exponent)}
            for entry in entries[: CORRECTION_ROWS_MAX - EMPTY_ROWS]
        ]
    elif account is not None:
        lines = [{"account": account.code, "amount": ""}]
    return lines + [{"account": "", "amount": ""}] * EMPTY_ROWS


def _place(pointer: str) -> str:
    """The line that a pointer into the message means: "/entries/0/amount" is line 1."""
    steps = pointer.split("/")
    return f"Line {int(steps[2]) + 1}: " if len(steps) > 2 and steps[1] == "entries" and steps[2].isdecimal() else ""  # noqa: PLR2004
