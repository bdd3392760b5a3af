"""An account's page: balances, the chart, the history as filtered, and the changes of its attributes."""

from datetime import UTC, date, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Account, AccountChange
from accounts.money import format_amount
from ledger import balances
from ledger.admin import account_acts, shown
from ledger.admin.fields import query_with
from ledger.admin.history_form import HistoryForm
from ledger.limits import CHANGES_SHOWN, CHART_DAYS_SHOWN, HISTORY_ROWS_SHOWN
from ledger.queries import ID_MAX, Window
from ledger.reports import Found, FoundEntry, balance_by_period, search_history
from security.models import Source

_AMOUNTS = ("floor", "fast_debit_limit")


class BalanceAtForm(forms.Form):
    """A moment in UTC, and in which of its two senses a balance is asked for."""

    at = forms.DateTimeField(
        label="Balance at (UTC)",
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput({"type": "datetime-local", "class": "pn-input", "step": "1"}),
    )
    sense = forms.ChoiceField(
        label="Sense",
        required=False,
        choices=[("recorded", "as recorded"), ("effective", "as effective")],
        widget=forms.Select({"class": "pn-input pn-select"}),
    )


def context(request: HttpRequest, account: Account) -> dict[str, Any]:
    """What the template shows. Costs a fixed number of queries, each of a bounded size."""
    balance = balances.now(book_id=account.book_id, account_id=account.id)
    form = HistoryForm(request.GET, exponent=account.unit.exponent)
    valid = form.is_valid()
    found = _found(request, account, form) if valid else None
    return {
        "title": account.code,
        "account": account,
        "unit": account.unit,
        "status": shown.status_badge(account.status),
        "balance": shown.amount(balance.minor, account.unit.exponent, account.unit.code),
        "balance_as_of": shown.moment(balance.as_of),
        "balance_from": balance.source,
        "floor": _amount(account, account.floor),
        "available": _amount(account, None if account.floor is None else balance.minor - int(account.floor)),
        "metadata": sorted(account.metadata.items()),
        "balance_at": _balance_at(request, account),
        "chart": _chart(account, form, balance.minor),
        "form": form,
        "rows": _rows(account, found.rows) if found else [],
        "found": found,
        "older": query_with(request, cursor=found.position) if found and found.position is not None else None,
        "newest": query_with(request, cursor=None) if request.GET.get("cursor") else None,
        "csv": query_with(request, cursor=None, format="csv"),
        "xlsx": query_with(request, cursor=None, format="xlsx"),
        "changes": _changes(account),
        "acts": account_acts.buttons(request, account),
    }


def window_of(request: HttpRequest, *, rows: int) -> Window:
    """The part of the history that the address asks for; a cursor that is no number is the beginning."""
    text = request.GET.get("cursor", "")
    position = int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(ID_MAX)) else 0
    if request.GET.get("order") == "asc":
        return Window(after=position, ascending=True, rows=rows)
    return Window(before=position or ID_MAX, rows=rows)


def _found(request: HttpRequest, account: Account, form: HistoryForm) -> Found:
    window = window_of(request, rows=HISTORY_ROWS_SHOWN)
    return search_history(book_id=account.book_id, account_id=account.id, where=form.filter(), window=window)


def _amount(account: Account, minor: Any) -> str:
    return shown.amount(None if minor is None else int(minor), account.unit.exponent, account.unit.code)


def _balance_at(request: HttpRequest, account: Account) -> dict[str, Any]:
    form = BalanceAtForm(request.GET if request.GET.get("at") else None, auto_id="at_%s")
    if not form.is_bound or not form.is_valid():
        return {"form": form}
    moment = form.cleaned_data["at"].replace(tzinfo=UTC)
    effective = form.cleaned_data["sense"] == "effective"
    read = balances.at_effective if effective else balances.at
    balance = read(book_id=account.book_id, account_id=account.id, moment=moment)
    return {
        "form": form,
        "balance": shown.amount(balance.minor, account.unit.exponent, account.unit.code),
        "moment": shown.moment(moment),
        "sense": "effective" if effective else "recorded",
    }


def _chart(account: Account, form: HistoryForm, balance_minor: int) -> dict[str, Any] | None:
    """The balance at the end of each step with movement; None where there is none. Amounts as text, drawn by the browser."""
    today = timezone.now().date()
    told = getattr(form, "cleaned_data", {})
    until = (told.get("through") or today) + timedelta(days=1)
    since: date = told.get("since") or until - timedelta(days=CHART_DAYS_SHOWN)
    if since >= until:
        return None
    points = balance_by_period(book_id=account.book_id, account_id=account.id, since=since, until=until)
    if len(points) == 1 and not balance_minor:
        return None
    exponent = account.unit.exponent
    return {
        "labels": [point.starts_on.isoformat() for point in points],
        "lines": [
            {
                "label": f"Balance, {account.unit.code}",
                "values": [format_amount(p.balance_minor, exponent) for p in points],
            }
        ],
        "since": since,
        "through": until - timedelta(days=1),
    }


def _rows(account: Account, found: list[FoundEntry]) -> list[dict[str, Any]]:
    sources = Source.objects.in_bulk({row.source_id for row in found})
    exponent = account.unit.exponent
    return [
        {
            "recorded": shown.moment(row.recorded_at),
            "effective": shown.moment(row.effective_at),
            "key": row.key,
            "source": sources[row.source_id].name,
            "url": shown.operation_url(row.operation_id),
            "kind": row.kind,
            "description": row.description or "",
            "metadata": sorted((row.metadata or {}).items()),
            "amount": shown.amount(row.amount_minor, exponent),
            "balance": shown.amount(row.balance_minor, exponent),
        }
        for row in found
    ]


def _changes(account: Account) -> list[dict[str, Any]]:
    rows = list(
        AccountChange.objects.filter(book_id=account.book_id, account_id=account.id).order_by("-id")[:CHANGES_SHOWN]
    )
    sources = Source.objects.in_bulk({row.source_id for row in rows if row.source_id})
    return [
        {
            "changed": shown.moment(row.changed_at),
            "who": sources[row.source_id].name if row.source_id in sources else shown.NOTHING,
            "reason": row.reason,
            "differences": _differences(account, row),
        }
        for row in rows
    ]


def _differences(account: Account, change: AccountChange) -> list[tuple[str, str, str]]:
    before = change.before or {}
    return [
        (name.replace("_", " "), _attribute(account, name, before.get(name)), _attribute(account, name, value))
        for name, value in change.after.items()
        if before.get(name) != value and (change.before is not None or value not in (None, "", {}))
    ]


def _attribute(account: Account, name: str, value: Any) -> str:
    if value in (None, "", {}):
        return "none"
    if name in _AMOUNTS:
        return f"{shown.grouped(int(value), account.unit.exponent)} {account.unit.code}"
    return ", ".join(f"{key}={text}" for key, text in value.items()) if isinstance(value, dict) else str(value)
