"""Saved mappings over REST: list them, read one by name, keep a new one. All clients and members of staff share them.

A mapping that is kept is not changed over the API: files of others are read by it. In the panel people with the right to
mass operations may give a name a new mapping; what was uploaded before has a copy.
"""

from typing import Any, ClassVar

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from ledger.api.paging import envelope, page_of
from ledger.api.requests import LedgerView, answer, body_of
from ledger.messages import Malformed, Problem, decode, is_storable
from massops import uploads
from massops.api.schema import mappings as declared
from massops.limits import NAME_CHARACTERS_MAX
from massops.models import SavedMapping
from massops.rows.mapping import Mapping


class _New(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    mapping: Mapping


_new = msgspec.json.Decoder(_New)


class MappingsView(LedgerView):
    """`/mass-operations/mappings`: list saved mappings, keep a new one."""

    required_scopes: ClassVar = {"GET": "mass:read", "POST": "mass:write"}
    query_parameters: ClassVar = frozenset({"cursor", "limit"})

    @declared.list_mappings
    def get(self, request: Request, **_path: str) -> HttpResponse:
        """List saved mappings, oldest first."""
        query = self.query()
        page = page_of(request, query, ascending=True)
        found = uploads.mappings_page(beyond=page.place.position, ascending=page.ascending, rows=page.rows)
        return answer(envelope(request, query, page, [_document(one) for one in found], [one.pk for one in found]))

    @declared.keep_mapping
    def post(self, request: Request, **_path: str) -> HttpResponse:
        """Keep a mapping under a name; 201, or 200 where it was kept before."""
        self.query()
        asked: _New = decode(_new, body_of(request))
        name = asked.name
        if not (0 < len(name) <= NAME_CHARACTERS_MAX and name.isprintable() and is_storable(name)) or "/" in name:
            detail = f"A name has 1 to {NAME_CHARACTERS_MAX} printable characters, none of them a slash."
            raise Malformed([Problem("/name", "invalid", detail)])
        kept, created = uploads.keep_mapping(name=name, mapping=asked.mapping, by=self.credential.client_id)
        return answer(_document(kept), status=201 if created else 200)


class MappingView(LedgerView):
    """`/mass-operations/mappings/NAME`: one saved mapping."""

    required_scopes: ClassVar = {"GET": "mass:read"}

    @declared.read_mapping
    def get(self, request: Request, *, mapping: str, **_path: str) -> HttpResponse:
        """Return one saved mapping."""
        self.query()
        return answer(_document(SavedMapping.objects.get(name=mapping)))


def _document(saved: SavedMapping) -> dict[str, Any]:
    return {
        "name": saved.name,
        "mapping": saved.document,
        "changed_by": saved.changed_by,
        "changed_at": saved.changed_at.isoformat().replace("+00:00", "Z"),
    }
