"""`/api/schema`: the declared schema of the whole API as OpenAPI 3.1, made once per process, because making it takes a third of a second."""

from functools import lru_cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response


class SchemaView(SpectacularJSONAPIView):  # type: ignore[misc] # drf-spectacular has no types here
    """The document as JSON, for everybody."""

    authentication_classes = ()
    permission_classes = ()

    def _get_schema_response(self, _request: Request) -> Response:
        return Response(_document())


class DocsView(SpectacularSwaggerSplitView):  # type: ignore[misc] # drf-spectacular has no types here
    """The document for people, with everything it needs served from here."""

    authentication_classes = ()
    permission_classes = ()


@lru_cache(maxsize=1)
def _document() -> dict[str, Any]:
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return document
