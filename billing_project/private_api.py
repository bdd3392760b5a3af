"""The private API: what was counted, as JSON. The same numbers as /metrics, and rates from the history of this service."""

from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.views import APIView

from billing_project import private_api_schema as declared
from ledger.api.rendering import time_text
from ledger.api.requests import LedgerView, answer
from metrics import exposition, history, records, summary
from metrics.limits import RATE_WINDOWS_SECONDS


class _PrivateView(LedgerView):
    """A call that is of no one book; otherwise like those of the ledger."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate and authorize, then refuse parameters. Raises Malformed."""
        APIView.initial(self, request, *args, **kwargs)
        self.query()


class MetricsView(_PrivateView):
    """`/metrics`: every method of every repository and of the API."""

    required_scopes: ClassVar = {"GET": "metrics:read"}

    @declared.read_metrics
    def get(self, _request: Request) -> HttpResponse:
        """Return calls, errors, rates, average and quantiles of each method, over all processes of this host."""
        now = timezone.now()
        methods = summary.methods(exposition.counted())
        rates = history.rates(now=now, methods=methods)
        documents: dict[str, list[dict[str, Any]]] = {"repositories": [], "routes": []}
        for method in methods:
            is_route = method.family is summary.Family.ROUTE
            documents["routes" if is_route else "repositories"].append(
                {
                    "route" if is_route else "repository": method.owner,
                    "method": method.name,
                    "count": method.calls,
                    "errors": method.errors,
                    "per_second": dict(
                        zip((f"{s // 60}m" for s in RATE_WINDOWS_SECONDS), rates[method.key], strict=True)
                    ),
                    "average_seconds": method.average_seconds,
                    **{f"p{share}_seconds": method.quantile_seconds(share / 100) for share in (50, 95, 99)},
                }
            )
        return answer({"as_of": time_text(now), **documents})


class RepositoriesView(_PrivateView):
    """`/repositories`: records and bytes."""

    required_scopes: ClassVar = {"GET": "metrics:read"}

    @declared.read_repositories
    def get(self, _request: Request) -> HttpResponse:
        """Return how many records each repository holds, in each book, and its bytes on disk by partition."""
        repositories = [
            {
                "repository": stored.repository,
                "records": sum(count.records for count in stored.records),
                "is_exact": all(count.is_exact for count in stored.records),
                "books": [{"book": count.book, "records": count.records} for count in stored.records if count.book],
                "bytes": stored.bytes,
                "partitions": [{"name": name, "bytes": size} for name, size in stored.partitions.items()],
            }
            for stored in records.stored()
        ]
        return answer({"as_of": time_text(timezone.now()), "repositories": repositories})
