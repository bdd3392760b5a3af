"""Batches over REST: up to 10,000 operations in one call, one result each, in order."""

from typing import ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from ledger import pipeline
from ledger.api.requests import LedgerView, answer, body_of
from ledger.contracts import ACCEPTED, KEY_REUSED, Receipt
from ledger.messages import read_batch


class Result(msgspec.Struct, omit_defaults=True):
    """What became of one operation: created, replayed or refused (then with a code)."""

    key: str
    status: str
    id: str | None = None
    code: str | None = None
    replayed: bool = False


class BatchesView(LedgerView):
    """`/batches`: post many operations."""

    required_scopes: ClassVar = {"POST": "operations:write"}

    def post(self, request: Request, **_path: str) -> HttpResponse:
        """Post a batch, each operation by itself or all or nothing."""
        messages, all_or_nothing = read_batch(body=body_of(request), **self.sender)
        receipts = pipeline.accept(book_id=self.book_id, messages=messages, all_or_nothing=all_or_nothing)
        return answer({"results": [_result(m.key, r) for m, r in zip(messages, receipts, strict=True)]})


def _result(key: str, receipt: Receipt) -> Result:
    if receipt.outcome == KEY_REUSED:
        return Result(key, "refused", code=KEY_REUSED)
    if receipt.outcome != ACCEPTED:
        return Result(key, "refused", str(receipt.operation_id), receipt.outcome, receipt.replayed)
    return Result(key, "replayed" if receipt.replayed else "created", str(receipt.operation_id))
