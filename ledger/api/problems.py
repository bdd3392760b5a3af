"""Errors as RFC 9457 problem documents: their one shape. Which exception becomes which is in billing_project.api_errors."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from django.http import HttpResponse

from ledger.contracts import KEY_REUSED, KEY_REUSED_SENTENCE, REFUSAL_SENTENCES, Receipt, Refusal
from ledger.messages import Problem
from metrics.instruments import count_problem


def problem(
    *,
    status: int,
    code: str,
    detail: str,
    request_id: str,
    errors: Sequence[Problem] = (),
    members: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return a problem document. `errors` name places in the request; `members` are extension members."""
    count_problem(code)
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
        **(members or {}),
    }
    if errors:
        document["errors"] = list(errors)
    body = msgspec.json.encode(document)
    lengthened = {**(headers or {}), "Content-Length": str(len(body))}
    return HttpResponse(body, status=status, content_type="application/problem+json", headers=lengthened)


def refused(receipt: Receipt, *, request_id: str) -> HttpResponse:
    """Return the problem that tells a refusal, or that the key was used before with another request."""
    if receipt.outcome == KEY_REUSED:
        pointer = [Problem("header:Idempotency-Key", KEY_REUSED, KEY_REUSED_SENTENCE)]
        return problem(status=422, code=KEY_REUSED, detail=KEY_REUSED_SENTENCE, request_id=request_id, errors=pointer)
    return problem(
        status=422,
        code=receipt.outcome,
        detail=REFUSAL_SENTENCES[Refusal(receipt.outcome)],
        request_id=request_id,
        members={"operation": str(receipt.operation_id)},
        headers=replayed_header(receipt),
    )


def replayed_header(receipt: Receipt) -> dict[str, str]:
    """The header that marks the answer to a repeated key."""
    return {"Idempotent-Replayed": "true"} if receipt.replayed else {}
