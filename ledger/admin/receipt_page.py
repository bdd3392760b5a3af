"""The receipt of an operation as a page: what it proves, step by step, in words; and as the file that a stranger checks."""

import json
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from ledger.admin import shown
from ledger.models import Operation
from ledger.sealing import evidence, receipts, signing, tree
from ledger.sealing.archive_file import ArchiveDamaged
from ledger.sealing.archives import ArchiveMissing
from ledger.sealing.checkpoints import Opened
from ledger.sealing.receipts import Receipt, ReceiptError


def context(request: HttpRequest, operation: Operation) -> dict[str, Any]:
    """What the template shows: the receipt, checked at this moment like a stranger would."""
    told: dict[str, Any] = {
        "title": f"Receipt of operation {operation.id}",
        "operation": shown.operation_link(operation.id),
        "back": reverse("admin:ledger_operation_change", args=[operation.id]),
    }
    try:
        found = evidence.receipt(book=operation.book, operation_id=operation.id)
    except (ArchiveMissing, ArchiveDamaged) as error:
        return told | {"away": str(error)}
    told["state"] = found.position.state
    if found.receipt is None:
        return told
    witnesses = [witness for witness, _ in signing.witnesses()]
    try:
        opened = receipts.verify(found.receipt, signing.verifiers(), witnesses)
    except ReceiptError as error:
        return told | {"error": str(error)}
    return told | _steps(found.receipt, opened) | {"policy": request.build_absolute_uri(reverse("seal-policy"))}


def download(operation: Operation) -> HttpResponse:
    """The receipt as a file; 404 while there is none, 503 while its archive is away."""
    try:
        found = evidence.receipt(book=operation.book, operation_id=operation.id).receipt
    except (ArchiveMissing, ArchiveDamaged) as error:
        return HttpResponse(f"{error}\n", status=503, content_type="text/plain; charset=utf-8")
    if found is None:
        return HttpResponse("There is no receipt yet.\n", status=404, content_type="text/plain; charset=utf-8")
    name = f"operation-{operation.id}.tlog-proof"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(str(found), content_type="text/plain; charset=utf-8", headers=headers)


def _steps(receipt: Receipt, opened: Opened) -> dict[str, Any]:
    head = opened.checkpoint
    return {
        "leaf": json.dumps(json.loads(receipt.leaf), indent=2, ensure_ascii=False),
        "leaf_hash": tree.leaf_hash(receipt.leaf).hex(),
        "index": receipt.index,
        "hashes": len(receipt.proof),
        "head": head,
        "root": head.root.hex(),
        "signed": [signature.name for signature in opened.signed],
        "cosigned": [
            (signature.name, shown.moment(datetime.fromtimestamp(signature.cosigned_at_seconds, UTC)))
            for signature in opened.cosigned
        ],
        "keys": signing.public_keys(),
    }
