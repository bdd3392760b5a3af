"""The private API as it is declared."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from ledger.api.schema.problems import problems

_AS_OF = "2024-02-29T12:00:00.000000Z"


class RatesSerializer(serializers.Serializer[Any]):
    """Calls a second over the last minute, five and fifteen minutes; null where the history is too short."""

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, whose names begin with a digit."""
        return {name: serializers.FloatField(allow_null=True) for name in ("1m", "5m", "15m")}


class _MethodSerializer(serializers.Serializer[Any]):
    method = serializers.CharField()
    count = serializers.IntegerField(help_text="Calls since the service started.")
    errors = serializers.IntegerField(  # type: ignore[assignment]  # the name of a member, which DRF takes out of the class
        help_text="Those of them that failed: an exception that is no answer, or a 5xx."
    )
    per_second = RatesSerializer()
    average_seconds = serializers.FloatField(allow_null=True)
    p50_seconds = serializers.FloatField(allow_null=True, help_text="Taken from a histogram, so near, not exact.")
    p95_seconds = serializers.FloatField(allow_null=True)
    p99_seconds = serializers.FloatField(allow_null=True)


class RepositoryMethodSerializer(_MethodSerializer):
    """One method of a repository."""

    repository = serializers.CharField()


class RouteMethodSerializer(_MethodSerializer):
    """One method of a route of the API."""

    route = serializers.CharField(help_text="The name of the route, never a path.")


class MetricsSerializer(serializers.Serializer[Any]):
    """Every method that was called since the service started, over all processes of the host that answers."""

    as_of = serializers.DateTimeField()
    repositories = RepositoryMethodSerializer(many=True)
    routes = RouteMethodSerializer(many=True)


class BookRecordsSerializer(serializers.Serializer[Any]):
    """Records of one book."""

    book = serializers.CharField()
    records = serializers.IntegerField()


class PartitionSerializer(serializers.Serializer[Any]):
    """A table or one of its partitions."""

    name = serializers.CharField()
    bytes = serializers.IntegerField(help_text="On disk, with indexes.")


class RepositorySerializer(serializers.Serializer[Any]):
    """One repository."""

    repository = serializers.CharField()
    records = serializers.IntegerField()
    is_exact = serializers.BooleanField(
        help_text="Whether the records are counted (up to about a second ago), not estimated by statistics of the table."
    )
    books = BookRecordsSerializer(many=True, help_text="By book, where they are counted by book.")
    bytes = serializers.IntegerField(help_text="On disk, with indexes; at most a minute old.")
    partitions = PartitionSerializer(many=True)


class RepositoriesSerializer(serializers.Serializer[Any]):
    """Every repository."""

    as_of = serializers.DateTimeField()
    repositories = RepositorySerializer(many=True)


_METHOD = {
    "count": 1200,
    "errors": 0,
    "per_second": {"1m": 20.0, "5m": 4.0, "15m": None},
    "average_seconds": 0.0021,
    "p50_seconds": 0.0018,
    "p95_seconds": 0.0043,
    "p99_seconds": 0.0092,
}
_METRICS = {
    "as_of": _AS_OF,
    "repositories": [{"repository": "operations", "method": "post", **_METHOD}],
    "routes": [{"route": "operations", "method": "POST", **_METHOD}],
}
_REPOSITORIES = {
    "as_of": _AS_OF,
    "repositories": [
        {
            "repository": "entries",
            "records": 2400,
            "is_exact": True,
            "books": [{"book": "main", "records": 2400}],
            "bytes": 524288,
            "partitions": [{"name": "ledger_entry_p00001", "bytes": 524288}],
        }
    ],
}

read_metrics = extend_schema(
    operation_id="read_metrics",
    summary="Read what every method did",
    tags=["metrics"],
    responses={
        200: OpenApiResponse(MetricsSerializer, "What was counted.", [OpenApiExample("metrics", value=_METRICS)]),
        **problems({}),
    },
)
read_repositories = extend_schema(
    operation_id="read_repositories",
    summary="Read how many records there are",
    tags=["metrics"],
    responses={
        200: OpenApiResponse(
            RepositoriesSerializer, "Records and bytes.", [OpenApiExample("repositories", value=_REPOSITORIES)]
        ),
        **problems({}),
    },
)
