"""Mass operations over REST: upload one as a stream, list them, read one. A client sees its own."""

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from ledger.api.operations import order_of
from ledger.api.paging import envelope, page_of
from ledger.api.requests import LedgerView, answer
from ledger.messages import Malformed, Problem
from massops import queries, uploads
from massops.api.schema import calls as declared
from massops.api.schema.shared import XLSX
from massops.files import FileTooLarge, Readable
from massops.limits import FILE_BYTES_MAX, NAME_CHARACTERS_MAX
from massops.models import MassOperation, State
from massops.rows.mapping import Mapping
from security.signatures import checked_stream

_ID_DIGITS_MAX = 18
_PLAIN = {"text/csv", "application/octet-stream", XLSX}
_MULTIPART = "multipart/form-data"


class MassView(LedgerView):
    """A call about mass operations of the calling client."""

    def found(self, text: str) -> MassOperation:
        """Return the client's own mass operation of an id in a path. Raises MassOperation.DoesNotExist."""
        if not (text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS_MAX):
            raise MassOperation.DoesNotExist
        return queries.mass_operation_of(
            book_id=self.book_id, source_id=self.credential.source_id, mass_operation_id=int(text)
        )

    def told(self, found: MassOperation, *, status: int = 200) -> HttpResponse:
        """Answer with a mass operation, and where to ask for it again."""
        root = self.request.path.partition("/mass-operations")[0]
        headers = {"Location": f"{root}/mass-operations/{found.id}"} if status != HTTP_OK else {}
        return answer(queries.document_of(found), status=status, headers=headers)


HTTP_OK = 200


class MassOperationsView(MassView):
    """`/mass-operations`: upload a file, list mass operations."""

    required_scopes: ClassVar = {"POST": "mass:write", "GET": "mass:read"}
    query_parameters: ClassVar = frozenset({"state", "order", "cursor", "limit"})
    write_parameters: ClassVar = frozenset({"name", "mapping", "keys", "again", "check"})

    @declared.upload_file
    def post(self, request: Request, **_path: str) -> HttpResponse:
        """Store a file and check it; 202 with the mass operation."""
        query = self.query()
        for name, allowed in (("keys", {"own", "fresh"}), ("again", _BOOLEAN), ("check", _BOOLEAN)):
            if query.get(name, next(iter(allowed))) not in allowed:
                raise Malformed([Problem(f"query:{name}", "invalid", f"{name} is {' or '.join(sorted(allowed))}.")])
        mapping = _mapping(query.get("mapping", ""))
        stream, size, name = _body(request)
        name = (query.get("name") or name or "upload")[:NAME_CHARACTERS_MAX]
        if not name.isprintable():
            raise Malformed([Problem("query:name", "invalid", "A name has printable characters.")])
        made = uploads.upload(
            stream=stream,
            book_id=self.book_id,
            source_id=self.credential.source_id,
            credential=str(self.credential.token_id),
            name=name,
            received_at=self.received_at,
            mapping=mapping,
            mapping_name=query.get("mapping", ""),
            own_keys=query.get("keys", "own") == "own",
            again=query.get("again") == "true",
            checked_now=query.get("check") != "false",
            size_expected=size,
        )
        return self.told(made, status=202)

    @declared.list_mass_operations
    def get(self, request: Request, **_path: str) -> HttpResponse:
        """List the client's mass operations, newest first."""
        query = self.query()
        if "state" in query and query["state"] not in State.values:
            raise Malformed([Problem("query:state", "invalid", f"state is one of {', '.join(State.values)}.")])
        page = page_of(request, query, ascending=order_of(query))
        found = queries.mass_operations_page(
            book_id=self.book_id,
            source_id=self.credential.source_id,
            state=query.get("state"),
            beyond=page.place.position,
            ascending=page.ascending,
            rows=page.rows,
        )
        documents = [queries.document_of(one) for one in found]
        return answer(envelope(request, query, page, documents, [one.id for one in found]))


class MassOperationView(MassView):
    """`/mass-operations/ID`: one mass operation with its check, decision and progress."""

    required_scopes: ClassVar = {"GET": "mass:read"}

    @declared.read_mass_operation
    def get(self, request: Request, *, mass_operation: str, **_path: str) -> HttpResponse:
        """Return one mass operation."""
        self.query()
        return self.told(self.found(mass_operation))


_BOOLEAN = {"true", "false"}


def _mapping(name: str) -> Mapping | None:
    return uploads.saved_mapping(name=name) if name else None


def _body(request: Request) -> tuple[Readable, int | None, str]:
    """Return the file of a request as a stream, its announced size, and its name. It is never held in memory."""
    http: Any = request._request  # noqa: SLF001 - the request that DRF wraps
    kind = http.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind == _MULTIPART:
        # Read to its end while it is taken apart, and compared there with its digest, before anything is stored.
        _, files = http.parse_file_upload(http.META, checked_stream(request=http, stream=http))
        file = files.get("file")
        if file is None:
            raise Malformed([Problem("/file", "required", "The part named `file` is missing.")])
        return file, file.size, str(file.name)
    if kind not in _PLAIN:
        raise UnsupportedMediaType(kind[:100], "The body is text/csv, an XLSX workbook, or multipart/form-data.")
    length = http.META.get("CONTENT_LENGTH") or ""
    if length and (not length.isdecimal() or int(length) > FILE_BYTES_MAX):
        raise FileTooLarge
    stream = http.META["wsgi.input"]
    body = _Bounded(stream, int(length)) if length else stream
    return checked_stream(request=http, stream=body), int(length) if length else None, ""


class _Bounded:
    """A body of announced length: servers differ in what reading beyond its end does."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(size, self._left)) if self._left else b""
        self._left -= len(data)
        return data
