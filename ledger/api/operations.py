"""Operations over REST: post one, read one, list, reverse."""

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from ledger import inbox, pipeline, queries
from ledger.api.paging import Page, envelope, page_of
from ledger.api.problems import refused, replayed_header
from ledger.api.rendering import operation_document, posted_document
from ledger.api.requests import LedgerView, answer, body_of, key_of, time_of
from ledger.api.schema import operations as declared
from ledger.api.waiting import accepted_for_later, priority_asked
from ledger.contracts import ACCEPTED, KEY_REUSED, Message, Priority, Receipt, Refusal
from ledger.merging import merger
from ledger.messages import Malformed, Problem, read_operation, read_reversal
from ledger.queries import OperationFilter, Window
from ledger.visibility import readable_positions

_OUTCOMES = (ACCEPTED, *Refusal)
_ID_DIGITS_MAX = 18  # fewer than 2**63 has, more than any sequence reaches


def operation_id_of(text: str) -> int:
    """Return the id in a path. Raises OperationUnknown for a text that cannot be one."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS_MAX):
        raise queries.OperationUnknown(f"There is no operation {text[:40]!r} in this book.")
    return int(text)


class _PostingView(LedgerView):
    def accept(self, message: Message) -> HttpResponse:
        """Pass one message through the one door and tell its outcome: 201 with the operation, or 422."""
        priority = priority_asked(self.request, highest=self.credential.highest_priority)
        if priority is not None:
            return self._store(message, priority)
        receipt = merger.accept_one(book_id=self.book_id, message=message)
        if receipt.outcome != ACCEPTED:
            return refused(receipt, request_id=self.request_id)
        if receipt.replayed:
            stored = queries.operation_with_entries(book_id=self.book_id, operation_id=receipt.operation_id)
            document = operation_document(*stored)
        else:
            source = queries.source_name(message.source_id)
            document = posted_document(message, receipt, book=self.kwargs.get("book", "main"), source=source)
        location = f"{self.request.path.partition('/operations')[0]}/operations/{receipt.operation_id}"
        return answer(document, status=201, headers={"Location": location, **replayed_header(receipt)})

    def _store(self, message: Message, priority: Priority) -> HttpResponse:
        """Store one message for later: 202; a message that is settled is answered like a replay."""
        pipeline.originals_of(book_id=self.book_id, messages=[message])
        stored = inbox.put(book_id=self.book_id, messages=[message], priority=priority)[0]
        if stored.state == KEY_REUSED:
            return refused(Receipt(stored.operation_id or 0, KEY_REUSED, replayed=True), request_id=self.request_id)
        return accepted_for_later(self.request, key=message.key, stored=stored)


class OperationsView(_PostingView):
    """`/operations`: post one operation, list operations."""

    required_scopes: ClassVar = {"POST": "operations:write", "GET": "operations:read"}
    query_parameters: ClassVar = frozenset(
        {"key", "account", "outcome", "from", "to", "metadata.*", "order", "cursor", "limit"}
    )

    @declared.post_operation
    def post(self, request: Request, **_path: str) -> HttpResponse:
        """Post an operation: one entry is an increment or decrement, several are a group."""
        return self.accept(read_operation(body=body_of(request), key=key_of(request), sender=self.sender))

    @declared.list_operations
    def get(self, request: Request, **_path: str) -> HttpResponse:
        """List operations, newest first; every filter can be combined with every other."""
        query = self.query()
        page = page_of(request, query, ascending=order_of(query))
        where = self._filter(query)
        window = window_of(page, settled=queries.safe_ids()[where.by_entry] if order_of(query) else None)
        found, resume = readable_positions(
            book_id=self.book_id,
            where=where,
            window=window,
            source_id=self.credential.source_id,
            rights=self.credential.rights,
        )
        documents = self._documents([operation_id for operation_id, _ in found])
        return answer(envelope(request, query, page, documents, [position for _, position in found], resume=resume))

    def _filter(self, query: dict[str, str]) -> OperationFilter:
        metadata = {
            name.removeprefix("metadata."): value for name, value in query.items() if name.startswith("metadata.")
        }
        if query.get("outcome", ACCEPTED) not in _OUTCOMES:
            raise Malformed([Problem("query:outcome", "invalid", f"outcome is one of {', '.join(_OUTCOMES)}.")])
        return OperationFilter(
            source_id=self.credential.source_id if "key" in query else None,
            key=query.get("key"),
            outcome=query.get("outcome"),
            since=time_of(query, "from"),
            until=time_of(query, "to"),
            metadata=metadata or None,
            account_id=self.facts(query["account"]).id if "account" in query else None,
        )

    def _documents(self, ids: list[int]) -> list[dict[str, Any]]:
        operations = queries.operations_by_id(book_id=self.book_id, ids=ids)
        entries = queries.entries_of(book_id=self.book_id, operation_ids=ids)
        return [operation_document(operations[operation_id], entries[operation_id]) for operation_id in ids]


class OperationView(LedgerView):
    """`/operations/ID`: one operation."""

    required_scopes: ClassVar = {"GET": "operations:read"}

    @declared.read_operation
    def get(self, request: Request, *, operation: str, **_path: str) -> HttpResponse:
        """Return one operation, accepted or refused."""
        self.query()
        operation_id = operation_id_of(operation)
        self.check_readable(operation_id)
        found, entries = queries.operation_with_entries(book_id=self.book_id, operation_id=operation_id)
        return answer(operation_document(found, entries))


class ReversalView(_PostingView):
    """`/operations/ID/reversal`: the opposite entries, once."""

    required_scopes: ClassVar = {"POST": "operations:write"}

    @declared.reverse_operation
    def post(self, request: Request, *, operation: str, **_path: str) -> HttpResponse:
        """Reverse an operation."""
        message = read_reversal(
            body=body_of(request), key=key_of(request), reverses=operation_id_of(operation), sender=self.sender
        )
        return self.accept(message)


def order_of(query: dict[str, str]) -> bool:
    """Return whether a list is asked for oldest first. Raises Malformed."""
    if query.get("order", "desc") not in {"asc", "desc"}:
        raise Malformed([Problem("query:order", "invalid", "order is asc or desc.")])
    return query.get("order") == "asc"


def window_of(page: Page, *, settled: int | None) -> Window:
    """Return the bounds of a page in a list whose positions are ids.

    A list read oldest first ends at what is settled, so that following it never skips what is committed late.
    """
    position = int(page.place.position or 0)
    before = queries.ID_MAX if settled is None else settled + 1
    if page.ascending:
        return Window(after=position, before=before, ascending=True, rows=page.rows)
    return Window(before=min(before, position or queries.ID_MAX), rows=page.rows)
