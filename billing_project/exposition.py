"""`/metrics`: what this host's processes counted, and the state of the ledger, in Prometheus' text form."""

import os

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from ledger.instruments import LedgerCollector


def metrics(_request: HttpRequest) -> HttpResponse:
    """Return all metrics; with several processes their files are added up (PROMETHEUS_MULTIPROC_DIR)."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types here
        own = generate_latest(registry)
    else:
        own = generate_latest(REGISTRY)
    state = CollectorRegistry()
    state.register(LedgerCollector())
    return HttpResponse(own + generate_latest(state), content_type=CONTENT_TYPE_LATEST)
