"""Where a record came from and what came of it: from the message to its entries, and from an entry the way back."""

import base64
from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from ledger import queries
from ledger.api.operations import operation_id_of
from ledger.api.rendering import entry_document, operation_document, time_text
from ledger.api.requests import LedgerView, answer
from ledger.api.schema import lineage as declared
from ledger.api.seals import seal_document
from ledger.contracts import PostedEntry
from ledger.models import Operation
from ledger.sealing import archives, evidence


class LineageView(LedgerView):
    """`/operations/ID/lineage`: source, credential, message as received, entries, reversal."""

    required_scopes: ClassVar = {"GET": "operations:read"}

    @declared.read_lineage
    def get(self, request: Request, *, operation: str, **_path: str) -> HttpResponse:
        """Return all that is known of how an operation came to be and what followed from it."""
        self.query()
        operation_id = operation_id_of(operation)
        self.check_readable(operation_id)
        found, entries = queries.operation_with_entries(book_id=self.book_id, operation_id=operation_id)
        return answer(_lineage(found, entries, queries.reversal_of(book_id=self.book_id, operation_id=found.id)))


class EntryView(LedgerView):
    """`/entries/ID`: one entry with the operation it belongs to."""

    required_scopes: ClassVar = {"GET": "operations:read"}

    @declared.read_entry
    def get(self, request: Request, *, entry: str, **_path: str) -> HttpResponse:
        """Return an entry and the way back to its message."""
        self.query()
        entry_id = _entry_id_of(entry)
        operation, entries, found = queries.operation_of_entry(book_id=self.book_id, entry_id=entry_id)
        try:
            self.check_readable(operation.id)
        except queries.OperationUnknown:
            raise queries.EntryUnknown.named(entry_id) from None
        reversal = queries.reversal_of(book_id=self.book_id, operation_id=operation.id)
        return answer(
            {
                **entry_document(found),
                "recorded_at": time_text(operation.recorded_at),
                "effective_at": time_text(operation.effective_at),
                "lineage": _lineage(operation, entries, reversal),
            }
        )


def _entry_id_of(text: str) -> int:
    try:
        return operation_id_of(text)
    except queries.OperationUnknown:
        raise queries.EntryUnknown(f"There is no entry {text[:40]!r} in this book.") from None


def _lineage(operation: Operation, entries: list[PostedEntry], reversed_by: int | None) -> dict[str, Any]:
    operation = archives.whole(operation=operation)
    body = bytes(operation.message)
    signature = operation.signature
    return {
        "signature": None if signature is None else msgspec.json.decode(signature),
        "request_id": operation.request_id,
        "traceparent": operation.traceparent,
        "source": {"kind": operation.source.kind, "name": operation.source.name, "credential": operation.credential},
        "message": {
            "key": operation.key,
            "kind": operation.kind,
            "received_at": time_text(operation.received_at),
            "body_base64": base64.b64encode(body).decode(),
            "body": body.decode(),
            "hash": bytes(operation.message_hash).hex(),
        },
        "operation": operation_document(operation, entries),
        "seal": seal_document(evidence.position(book=operation.book, operation_id=operation.id)),
        "reversed_by": None if reversed_by is None else str(reversed_by),
    }
