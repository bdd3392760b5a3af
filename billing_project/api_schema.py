"""`/api/schema` and `/api/docs`: the declared schema as OpenAPI 3.1, made once per process, as it takes a third of a second."""

from functools import lru_cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response


class SchemaView(SpectacularJSONAPIView):
    """The document as JSON, for everybody."""

    authentication_classes = ()
    permission_classes = ()

    def _get_schema_response(self, _request: Request) -> Response:
        return Response(_document())


class DocsView(SpectacularSwaggerSplitView):
    """The document for people, with everything it needs served from here."""

    authentication_classes = ()
    permission_classes = ()


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call]  # drf-spectacular is typed in part
    document: dict[str, Any] = generator.get_schema(request=None, public=True)
    return document
