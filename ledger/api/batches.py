"""Batches over REST: up to 10,000 operations in one call, one result each, in order."""

from typing import ClassVar

import msgspec
from django.http import HttpResponse
from msgspec import structs
from rest_framework.request import Request

from ledger import inbox, pipeline
from ledger.api.requests import LedgerView, answer, body_of
from ledger.api.schema import batches as declared
from ledger.api.waiting import priority_asked
from ledger.bell import bell
from ledger.contracts import ACCEPTED, KEY_REUSED, Message, Priority, Receipt
from ledger.messages import Malformed, Problem, read_batch
from metrics.instruments import API_BATCH
from security.signed_bodies import keep_body


class Result(msgspec.Struct, omit_defaults=True):
    """What became of one operation: created, replayed, refused (then with a code) or waiting."""

    key: str
    status: str
    id: str | None = None
    code: str | None = None
    replayed: bool = False


class BatchesView(LedgerView):
    """`/batches`: post many operations."""

    required_scopes: ClassVar = {"POST": "operations:write"}

    @declared.post_batch
    def post(self, request: Request, **_path: str) -> HttpResponse:
        """Post a batch, each operation by itself or all or nothing."""
        body = body_of(request)
        messages, all_or_nothing = read_batch(body=body, sender=self.sender)
        if self.evidence is not None:  # what was signed is the batch: one item proves nothing without it
            signature = self.evidence.text(batch=keep_body(body=body))
            messages = [structs.replace(message, signature=signature) for message in messages]
        API_BATCH.observe(len(messages))
        priority = priority_asked(request, highest=self.credential.highest_priority)
        if priority is not None:
            return self._store(messages, priority, all_or_nothing=all_or_nothing)
        receipts = pipeline.accept(book_id=self.book_id, messages=messages, all_or_nothing=all_or_nothing)
        return answer({"results": [_result(m.key, r) for m, r in zip(messages, receipts, strict=True)]})

    def _store(self, messages: list[Message], priority: Priority, *, all_or_nothing: bool) -> HttpResponse:
        """Store a batch for later: 202 with one result each."""
        if all_or_nothing:
            detail = "All or nothing is decided now or not at all; a batch for later has mode each."
            raise Malformed([Problem("/mode", "invalid", detail)])
        stored = inbox.put(book_id=self.book_id, messages=messages, priority=priority)
        bell.ring()
        results = [_stored_result(m.key, s) for m, s in zip(messages, stored, strict=True)]
        return answer({"results": results}, status=202, headers={"Preference-Applied": "respond-async"})


def _stored_result(key: str, stored: inbox.Stored) -> Result:
    if stored.state == inbox.WAITING:
        return Result(key, "waiting")
    return _result(key, Receipt(stored.operation_id or 0, stored.state, replayed=True))


def _result(key: str, receipt: Receipt) -> Result:
    if receipt.outcome == KEY_REUSED:
        return Result(key, "refused", code=KEY_REUSED)
    if receipt.outcome != ACCEPTED:
        return Result(key, "refused", str(receipt.operation_id), receipt.outcome, receipt.replayed)
    return Result(key, "replayed" if receipt.replayed else "created", str(receipt.operation_id))
