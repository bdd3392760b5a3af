"""Pages of lists: `limit`, and opaque cursors that are signed for one list and fit no other."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.core import signing
from rest_framework.request import Request

from ledger.limits import PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from ledger.messages import Malformed, Problem

_SALT = "ledger.api.paging"


class Place(NamedTuple):
    """Where a page starts: beyond a position, forwards or back. The first page has no position."""

    position: Any = None
    backwards: bool = False


class Page(NamedTuple):
    """How to read one page: whether positions rise while reading, where to start, and how many rows to ask for."""

    place: Place
    ascending: bool
    limit: int

    @property
    def rows(self) -> int:
        """One row more than the page, to learn whether another page follows."""
        return self.limit + 1


def page_of(request: Request, query: Mapping[str, str], *, ascending: bool) -> Page:
    """Return the page that a query asks for; `ascending` is the order of the list. Raises Malformed."""
    place = Place()
    if "cursor" in query:
        try:
            position, backwards = signing.loads(query["cursor"], salt=_list_identity(request, query))
        except (signing.BadSignature, ValueError, UnicodeError):
            detail = "This cursor is damaged, or belongs to another list."
            raise Malformed([Problem("query:cursor", "invalid_cursor", detail)]) from None
        place = Place(position, backwards)
    return Page(place, ascending is not place.backwards, _limit(query))


def envelope(
    request: Request,
    query: Mapping[str, str],
    page: Page,
    rows: Sequence[Any],
    positions: Sequence[Any],
    *,
    resume: Any = None,
) -> dict[str, Any]:
    """Return {results, next, previous}; rows come in the order they were read, with one more than the page if there is more.

    `resume` is the position at which reading goes on where it was broken off before the page was full.
    """
    more = len(rows) > page.limit or resume is not None
    kept, places = list(rows[: page.limit]), list(positions[: page.limit])
    first, last = (places[0], places[-1]) if places else (resume, resume)
    if len(rows) <= page.limit and resume is not None:
        last = resume
    if page.place.backwards:
        kept.reverse()
        first, last = last, first
    has_next = more or page.place.backwards
    has_previous = more if page.place.backwards else page.place.position is not None
    return {
        "results": kept,
        "next": _link(request, query, Place(last)) if has_next and last is not None else None,
        "previous": _link(request, query, Place(first, backwards=True)) if has_previous and first is not None else None,
    }


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(PAGE_ROWS_DEFAULT))
    digits = len(str(PAGE_ROWS_MAX))
    if not (text.isascii() and text.isdecimal() and len(text) <= digits and 1 <= int(text) <= PAGE_ROWS_MAX):
        raise Malformed([Problem("query:limit", "invalid", f"limit is a number from 1 to {PAGE_ROWS_MAX}.")])
    return int(text)


def _list_identity(request: Request, query: Mapping[str, str]) -> str:
    filters = sorted((name, value) for name, value in query.items() if name not in {"cursor", "limit"})
    return f"{_SALT}:{request.path}:{urlencode(filters)}"


def _link(request: Request, query: Mapping[str, str], place: Place) -> str:
    cursor = signing.dumps([place.position, place.backwards], salt=_list_identity(request, query))
    return request.build_absolute_uri(f"{request.path}?{urlencode({**query, 'cursor': cursor})}")
