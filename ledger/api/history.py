"""Balances and history of an account over REST."""

import hashlib
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.money import format_amount
from accounts.queries import AccountFacts
from ledger import balances, queries
from ledger.api.operations import order_of, window_of
from ledger.api.paging import envelope, page_of
from ledger.api.rendering import balance_document, time_text
from ledger.api.requests import LedgerView, answer, time_of
from ledger.api.schema import history as declared
from ledger.messages import Malformed, Problem
from ledger.queries import HistoryRow


class BalanceView(LedgerView):
    """`/accounts/CODE/balance`: now, as recorded at a moment, or as effective at a moment."""

    required_scopes: ClassVar = {"GET": "accounts:read"}
    query_parameters: ClassVar = frozenset({"at", "effective_at"})

    @declared.read_balance
    def get(self, request: Request, *, code: str, **_path: str) -> HttpResponse:
        """Return a balance. The weak ETag changes with the amounts."""
        query, account = self.query(), self.facts(code)
        if len(query) > 1:
            detail = "Ask for the recorded moment (at) or the effective one (effective_at), not both."
            raise Malformed([Problem("query:effective_at", "invalid", detail)])
        where = {"book_id": self.book_id, "account_id": account.id}
        if (moment := time_of(query, "at")) is not None:
            balance = balances.at(**where, moment=moment)
        elif (moment := time_of(query, "effective_at")) is not None:
            balance = balances.at_effective(**where, moment=moment)
        else:
            balance = balances.now(**where)
        document = balance_document(code=code, unit=account.unit, exponent=account.exponent, balance=balance)
        value = f"{code}|{document['balance']}|{document['available']}"
        etag = f'W/"{hashlib.sha256(value.encode()).hexdigest()[:20]}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        known = request.META.get("HTTP_IF_NONE_MATCH", "").strip()
        # The comparison is the weak one (RFC 9110, section 13.1.2): with or without W/ it is the same.
        if known == "*" or etag.removeprefix("W/") in known:
            unchanged = HttpResponse(status=304, headers=headers)
            del unchanged["Content-Type"]
            return unchanged
        return answer(document, headers=headers)


class EntriesView(LedgerView):
    """`/accounts/CODE/entries`: the history of an account."""

    required_scopes: ClassVar = {"GET": "accounts:read"}
    query_parameters: ClassVar = frozenset({"from", "to", "order", "cursor", "limit"})

    @declared.list_entries
    def get(self, request: Request, *, code: str, **_path: str) -> HttpResponse:
        """Return entries recorded in [from, to) with the balance after each.

        Oldest first ends at what is settled, so following it never skips an entry that is committed late.
        """
        query, account = self.query(), self.facts(code)
        page = page_of(request, query, ascending=order_of(query))
        window = window_of(page, settled=queries.safe_ids()[1] if order_of(query) else None)
        rows = queries.history(
            book_id=self.book_id,
            account_id=account.id,
            since=time_of(query, "from"),
            until=time_of(query, "to"),
            window=window,
        )
        documents = [_document(row, account) for row in rows]
        return answer(envelope(request, query, page, documents, [row.entry_id for row in rows]))


def _document(row: HistoryRow, account: AccountFacts) -> dict[str, Any]:
    return {
        "id": str(row.entry_id),
        "operation": str(row.operation_id),
        "key": row.key,
        "amount": format_amount(row.amount_minor, account.exponent),
        "balance": format_amount(row.balance_minor, account.exponent),
        "recorded_at": time_text(row.recorded_at),
        "effective_at": time_text(row.effective_at),
    }
