"""What every call of the public API shares: the book, the body as received, the query, and JSON answers.

Bodies are read as bytes and never parsed by Django, because a message is stored exactly as it came.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, cast
from urllib.parse import unquote_to_bytes

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.exceptions import APIException, NotAcceptable, UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import Account, Book
from accounts.opening import is_account_code
from accounts.queries import AccountFacts, account_by_code, book_id_of, facts_by_code
from ledger.contracts import Sender
from ledger.limits import BODY_BYTES_MAX
from ledger.messages import Malformed, Problem, is_storable, read_time
from ledger.queries import OperationUnknown
from ledger.visibility import readable
from security.authentication import Credential
from security.rights import Action
from security.signatures import Evidence, check_content

_READS = ("GET", "HEAD")
_ACCEPTABLE = {"application/json", "application/*", "*/*"}


class BodyTooLarge(APIException):
    """The body is larger than a message may be."""

    status_code = 413
    default_code = "body_too_large"
    default_detail = f"A request body has at most {BODY_BYTES_MAX} bytes."


class JsonAnswers(DefaultContentNegotiation):
    """Every answer is JSON; only a caller whose Accept header leaves no room for it is told so."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the one renderer. Raises NotAcceptable; parameters such as charset do not matter."""
        accepted = request._request.META.get("HTTP_ACCEPT", "")  # noqa: SLF001 - the request that DRF wraps
        if accepted and not _ACCEPTABLE & {kind.partition(";")[0].strip().lower() for kind in accepted.split(",")}:
            raise NotAcceptable
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class LedgerView(APIView):
    """A call in one book. Each view declares `required_scopes` and the query parameters that its methods take."""

    required_scopes: ClassVar[Mapping[str, str]] = {}
    query_parameters: ClassVar[frozenset[str]] = frozenset()
    write_parameters: ClassVar[frozenset[str]] = frozenset()
    content_negotiation_class = JsonAnswers

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer a call, and let go of it.

        DRF's view and its request name each other and themselves: left so, both bodies would stay until the collector came.
        """
        response = super().dispatch(request, *args, **kwargs)
        self.request.parser_context.clear()
        vars(self).clear()
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate and authorize, note the time, then find the book. Raises Malformed and Book.DoesNotExist."""
        super().initial(request, *args, **kwargs)
        self.received_at = datetime.now(UTC)
        if request.method not in _READS:
            self.query()
        name = kwargs.get("book", "main")
        if not self.credential.knows_book(name):
            raise Book.DoesNotExist
        self.book_id = book_id_of(name)

    @property
    def credential(self) -> Credential:
        """Who asks."""
        credential: Any = self.request.auth
        return cast(Credential, credential)

    @property
    def sender(self) -> Sender:
        """Who asks and when, as reading a message takes it."""
        credential = self.credential
        return Sender(
            source_id=credential.source_id,
            credential=str(credential.token_id),
            received_at=self.received_at,
            request_id=self.request_id,
            signature=evidence.text() if (evidence := self.evidence) is not None else None,
            rights=credential.rights,
            traceparent=self.request._request.traceparent,  # type: ignore[attr-defined]  # noqa: SLF001 - the request that DRF wraps
        )

    @property
    def evidence(self) -> Evidence | None:
        """What proves who signed this request, if it is signed."""
        evidence: Evidence | None = self.request._request.signature_evidence  # type: ignore[attr-defined]  # noqa: SLF001 - the request that DRF wraps
        return evidence

    @property
    def request_id(self) -> str:
        """The id of this request, for its errors."""
        return str(self.request._request.request_id)  # type: ignore[attr-defined]  # noqa: SLF001 - the request that DRF wraps

    def facts(self, code: str) -> AccountFacts:
        """Return what never changes about an account that the caller may read. Raises Account.DoesNotExist."""
        found = facts_by_code(book_id=self.book_id, codes=[code]) if is_account_code(code) else {}
        if code not in found or not self.allows(Action.READ, code, found[code].unit):
            raise Account.DoesNotExist
        return found[code]

    def account(self, code: str) -> Account:
        """Return an account with all its attributes, if the caller may read or open it. Raises Account.DoesNotExist."""
        if not is_account_code(code):
            raise Account.DoesNotExist
        account = account_by_code(book_id=self.book_id, code=code)
        unit = account.unit.code
        if not (self.allows(Action.READ, code, unit) or self.allows(Action.OPEN, code, unit)):
            raise Account.DoesNotExist
        return account

    def allows(self, action: Action, code: str, unit: str) -> bool:
        """Whether the caller's grants, if any bind it, allow an action on an account."""
        rights = self.credential.rights
        return rights is None or rights.allows(action, code, unit)

    def check_readable(self, operation_id: int, *also: Action) -> None:
        """Raise OperationUnknown, as for one that does not exist, if the caller may not know of the operation.

        To read it is enough, and so is what else is named.
        """
        credential = self.credential
        if credential.rights is None:
            return
        seen = readable(
            book_id=self.book_id,
            ids=[operation_id],
            source_id=credential.source_id,
            rights=credential.rights,
            actions=(Action.READ, *also),
        )
        if not seen:
            raise OperationUnknown.named(operation_id)

    def query(self) -> dict[str, str]:
        """Return the query parameters. Raises Malformed for one that this call does not know, or twice the same."""
        raw = self.request._request.META.get("QUERY_STRING", "")  # noqa: SLF001 - the request that DRF wraps
        if not raw:
            return {}
        parameters = self.request.query_params
        known = self.query_parameters if self.request.method in _READS else self.write_parameters
        takes = f"This call takes {', '.join(sorted(known)) or 'no parameters'}."
        problems = [
            Problem(f"query:{name}", "unknown_parameter", takes)
            for name in parameters
            if name not in known and not ("metadata.*" in known and name.startswith("metadata."))
        ]
        problems += [
            Problem(f"query:{name}", "invalid", "Give this parameter once, without NUL.")
            for name, values in parameters.lists()
            if len(values) != 1 or not is_storable(values[0]) or not is_storable(name)
        ]
        if not _is_utf8(raw):
            problems.append(Problem("query:", "invalid", "A query is UTF-8, percent-encoded."))
        if problems:
            raise Malformed(problems)
        return {name: values[0] for name, values in parameters.lists()}


def _is_utf8(query_string: str) -> bool:
    """Whether nothing would be lost on the way to text: Django replaces what is not UTF-8."""
    try:
        unquote_to_bytes(query_string.encode("latin-1")).decode()
    except UnicodeError:
        return False
    return True


def body_of(request: Request) -> bytes:
    """Return the body exactly as received, and as its Content-Digest says, if there is one.

    Raises UnsupportedMediaType (415), BodyTooLarge (413), Malformed and SignatureRefused (401).
    """
    environ = request._request.META  # noqa: SLF001 - the request that DRF wraps
    length = environ.get("CONTENT_LENGTH") or "0"
    chunked = "HTTP_TRANSFER_ENCODING" in environ
    if length == "0" and not chunked:
        check_content(request=request._request, body=b"")  # noqa: SLF001
        return b""
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(environ.get("CONTENT_TYPE", "")[:100], "The body must be application/json.")
    if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        raise BodyTooLarge
    body: bytes = environ["wsgi.input"].read(BODY_BYTES_MAX + 1 if chunked else int(length))
    if len(body) > BODY_BYTES_MAX:
        raise BodyTooLarge
    if not chunked and len(body) != int(length):
        raise Malformed([Problem("", "invalid_json", "The body ended before its announced length.")])
    check_content(request=request._request, body=body)  # noqa: SLF001
    return body


def key_of(request: Request) -> str | None:
    """Return the Idempotency-Key header, None without one. Raises Malformed: servers do not agree on a header beyond ASCII."""
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not key.isascii():
        raise Malformed([Problem("header:Idempotency-Key", "invalid", "A key in a header is ASCII text.")])
    return key


def time_of(query: Mapping[str, str], name: str) -> datetime | None:
    """Return a moment from the query, or None. Raises Malformed."""
    # In a query a plus sign means a blank, and an offset written without escaping arrives as one.
    return read_time(query[name].replace(" ", "+"), f"query:{name}") if name in query else None


def answer(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return data as JSON."""
    body = msgspec.json.encode(data)
    lengthened = {**(headers or {}), "Content-Length": str(len(body))}
    return HttpResponse(body, status=status, content_type="application/json", headers=lengthened)
