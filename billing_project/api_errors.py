"""The one map from what went wrong to an HTTP answer: RFC 9457 problem documents, for every path of the API."""

import logging
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from accounts.models import Account, Book
from ledger.account_changes import ChangeRefused
from ledger.api.problems import problem
from ledger.limits import ARCHIVE_RETRY_SECONDS
from ledger.messages import Malformed, Problem
from ledger.queries import EntryUnknown, OperationUnknown
from ledger.sealing.archive_file import ArchiveDamaged
from ledger.sealing.archives import ArchiveMissing
from ledger.sealing.evidence import SealUnknown
from massops.files import FileIncomplete, FileKnown, FileTooLarge
from massops.lifecycle import Refused
from massops.models import MassOperation, SavedMapping
from massops.rows.mapping import MappingError

logger = logging.getLogger(__name__)
API_PATHS = ("/api", "/oauth", "/.well-known", "/livez", "/readyz", "/metrics")

# What the domain raises: status, code, sentence (None: the exception's own).
_DOMAIN: dict[type[Exception], tuple[int, str, str | None]] = {
    Book.DoesNotExist: (404, "book_unknown", "There is no such book."),
    Account.DoesNotExist: (404, "account_unknown", "There is no such account in this book."),
    OperationUnknown: (404, "operation_unknown", None),
    EntryUnknown: (404, "entry_unknown", None),
    ArchiveMissing: (503, "archive_unavailable", "This lies in an archive that cannot be read here at present."),
    ArchiveDamaged: (503, "archive_unavailable", "This lies in an archive that cannot be read here at present."),
    SealUnknown: (404, "seal_unknown", None),
    Http404: (404, "not_found", "There is nothing at this address."),
    MassOperation.DoesNotExist: (404, "mass_operation_unknown", "There is no such mass operation in this book."),
    SavedMapping.DoesNotExist: (404, "mapping_unknown", "There is no saved mapping of this name."),
    FileTooLarge: (413, "body_too_large", None),
    FileIncomplete: (400, "invalid_request", None),
    PermissionDenied: (403, "forbidden", "This is not allowed."),
    RequestDataTooBig: (413, "body_too_large", "The body is too large."),
    # The connection broke or timed out: whether the change was made is told by sending the same key again.
    InterfaceError: (503, "storage_unavailable", "The storage does not answer; send the same request again."),
    OperationalError: (503, "storage_unavailable", "The storage does not answer; send the same request again."),
}
# Somebody has to bring the file; until then the answer is the same.
_RETRY = {"Retry-After": str(ARCHIVE_RETRY_SECONDS)}


def problem_response(error: Exception, context: dict[str, Any]) -> HttpResponse | Response | None:
    """Return the answer to what a view raised (the EXCEPTION_HANDLER of DRF); None for a defect, which is a 500."""
    request_id = context["request"]._request.request_id  # noqa: SLF001 - the request that DRF wraps
    if isinstance(error, Malformed):
        first = error.problems[0]
        code = "invalid_json" if first.code == "invalid_json" else "invalid_request"
        return problem(status=400, code=code, detail=str(error), request_id=request_id, errors=error.problems)
    if isinstance(error, ChangeRefused | Refused):
        return problem(status=409, code=error.code, detail=str(error), request_id=request_id)
    if isinstance(error, exceptions.APIException):
        return _from_drf(error, request_id)
    if isinstance(error, FileKnown | MappingError):
        return _from_upload(error, request_id)
    for kind, (status, code, sentence) in _DOMAIN.items():
        if isinstance(error, kind):
            if status >= 500:  # noqa: PLR2004 - the class of server errors
                logger.error("Storage failed in request %s: %s", request_id, error)
            headers = _RETRY if code == "archive_unavailable" else {}
            return problem(
                status=status, code=code, detail=sentence or str(error), request_id=request_id, headers=headers
            )
    return None


def _from_upload(error: FileKnown | MappingError, request_id: str) -> HttpResponse:
    if isinstance(error, FileKnown):
        members = {"mass_operation": str(error.mass_operation_id)}
        return problem(status=409, code="file_known", detail=str(error), request_id=request_id, members=members)
    place = [Problem(error.column and f"column:{error.column}", error.code, str(error))]
    return problem(status=400, code="invalid_request", detail=str(error), request_id=request_id, errors=place)


def _from_drf(error: exceptions.APIException, request_id: str) -> HttpResponse:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    detail = error.detail
    code = getattr(detail, "code", None) or error.default_code
    return problem(status=error.status_code, code=str(code), detail=str(detail), request_id=request_id, headers=headers)


def _plain(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    return problem(status=status, code=code, detail=detail, request_id=getattr(request, "request_id", ""))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """404 of an unknown address: a problem document for the API, a page for people."""
    if request.path.startswith(API_PATHS):
        return _plain(request, 404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400 of what Django itself refuses, such as a wrong host name."""
    if request.path.startswith(API_PATHS) and isinstance(exception, (SuspiciousOperation, BadRequest)):
        return _plain(request, 400, "bad_request", "The request is not acceptable.")
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """500: always a defect of ours; the log has it under the request id."""
    if request.path.startswith(API_PATHS):
        return _plain(
            request, 500, "internal_error", "This is a defect of the service; the log has it by the request id."
        )
    return defaults.server_error(request)
