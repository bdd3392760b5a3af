"""The chain over REST: blocks and signed heads, the receipt of an operation, and the proof that one head continues another."""

import base64
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.models import Book
from ledger import queries
from ledger.api.operations import operation_id_of, order_of
from ledger.api.paging import envelope, page_of
from ledger.api.rendering import time_text
from ledger.api.requests import LedgerView, answer
from ledger.api.schema import seals as declared
from ledger.messages import Malformed, Problem
from ledger.models import SealBlock
from ledger.sealing import evidence
from security.rights import Action

_SIZE_DIGITS_MAX = 18


class SealsView(LedgerView):
    """`/seals`: the blocks of a book's chain."""

    required_scopes: ClassVar = {"GET": "operations:read"}
    query_parameters: ClassVar = frozenset({"order", "cursor", "limit"})

    @declared.list_seals
    def get(self, request: Request, **_path: str) -> HttpResponse:
        """List blocks, newest first, each with its signed head where it has one."""
        query = self.query()
        page = page_of(request, query, ascending=order_of(query))
        position = int(page.place.position or 0)
        found = evidence.blocks(
            book_id=self.book_id,
            after=position if page.ascending else 0,
            before=queries.ID_MAX if page.ascending else position or queries.ID_MAX,
            ascending=page.ascending,
            rows=page.rows,
        )
        heads = evidence.heads(book_id=self.book_id, sizes=[block.size for block in found])
        documents = [_block_document(block, heads.get(block.size)) for block in found]
        return answer(envelope(request, query, page, documents, [block.number for block in found]))


class LatestSealView(LedgerView):
    """`/seals/latest`: the newest signed head."""

    required_scopes: ClassVar = {"GET": "operations:read"}

    @declared.read_latest_seal
    def get(self, request: Request, **_path: str) -> HttpResponse:
        """Return the newest signed head of the book's chain."""
        self.query()
        block, head = evidence.newest(book_id=self.book_id)
        return answer(_block_document(block, evidence.note_text(head)))


class ReceiptView(LedgerView):
    """`/operations/ID/receipt`: the proof that an operation is in the chain."""

    required_scopes: ClassVar = {"GET": "operations:read"}

    @declared.read_receipt
    def get(self, request: Request, *, operation: str, **_path: str) -> HttpResponse:
        """Return the receipt of an operation; `pending` until a signed head covers it, a second or two."""
        self.query()
        operation_id = operation_id_of(operation)
        self.check_readable(operation_id, Action.VERIFY)
        book = Book(id=self.book_id, name=self.kwargs.get("book", "main"))
        if not queries.operations_by_id(book_id=self.book_id, ids=[operation_id]) and not evidence.is_archived(
            book=book, operation_id=operation_id
        ):
            raise queries.OperationUnknown.named(operation_id)
        found = evidence.receipt(book=book, operation_id=operation_id)
        receipt = found.receipt
        return answer(
            {
                "operation": str(operation_id),
                **seal_document(found.position),
                "leaf": None if receipt is None else receipt.leaf.decode(),
                "checkpoint": None if receipt is None else receipt.checkpoint,
                "receipt": None if receipt is None else str(receipt),
            }
        )


class ConsistencyView(LedgerView):
    """`/consistency`: that the chain has only grown between two sizes."""

    required_scopes: ClassVar = {"GET": "operations:read"}
    query_parameters: ClassVar = frozenset({"from", "to"})

    @declared.read_consistency
    def get(self, request: Request, **_path: str) -> HttpResponse:
        """Return the proof that the chain of `from` leaves is the beginning of the chain of `to`."""
        query = self.query()
        old, new = _size(query, "from"), _size(query, "to")
        if old > new:
            raise Malformed([Problem("query:from", "invalid", "`from` is not larger than `to`.")])
        proof = evidence.consistency(book_id=self.book_id, old=old, new=new)
        encoded = [base64.b64encode(hashed).decode() for hashed in proof]
        return answer({"from": str(old), "to": str(new), "proof": encoded})


def seal_document(position: evidence.Position) -> dict[str, Any]:
    """Where an operation stands in the chain."""
    return {
        "status": position.state.value,
        "block": None if position.block is None else str(position.block),
        "index": None if position.index is None else str(position.index),
    }


def _block_document(block: SealBlock, checkpoint: str | None) -> dict[str, Any]:
    return {
        "number": str(block.number),
        "incarnation": str(block.incarnation),
        "size": str(block.size),
        "root": bytes(block.root).hex(),
        "operations": str(block.count),
        "from": str(block.from_id),
        "to": str(block.to_id),
        "sealed_at": time_text(block.sealed_at),
        "header": bytes(block.header).decode(),
        "checkpoint": checkpoint,
    }


def _size(query: dict[str, str], name: str) -> int:
    text = query.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _SIZE_DIGITS_MAX):
        raise Malformed([Problem(f"query:{name}", "invalid", f"`{name}` is the size of a chain, in decimal.")])
    return int(text)
