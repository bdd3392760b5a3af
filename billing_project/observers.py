"""Optional observers: errors to Sentry, traces to OpenTelemetry. Off unless configured, and nothing of them is loaded then.

Their packages are in requirements-extras.txt. Neither gets bodies, tokens or the values of variables.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def send_errors() -> None:
    """Send what goes wrong in this process to Sentry, if SENTRY_DSN is set. Raises ImproperlyConfigured."""
    if settings.SENTRY_DSN:
        _package("sentry_sdk", "SENTRY_DSN").init(
            dsn=settings.SENTRY_DSN,
            environment=settings.ENVIRONMENT,
            send_default_pii=False,
            include_local_variables=False,  # a variable may hold a secret
            max_request_body_size="never",
        )


def traced(application: Application) -> Application:
    """Return the application with a span for each request, if OTEL_EXPORTER_OTLP_ENDPOINT is set. Raises ImproperlyConfigured.

    The caller's traceparent is gone on from. The exporter works in a thread of its own and drops what it cannot send.
    """
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return application
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    resources = _package("opentelemetry.sdk.resources", name)
    trace = _package("opentelemetry.sdk.trace", name)
    export = _package("opentelemetry.sdk.trace.export", name)
    exporter = _package("opentelemetry.exporter.otlp.proto.http.trace_exporter", name)
    provider = trace.TracerProvider(resource=resources.Resource.create({"service.name": "billing"}))
    endpoint = f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip('/')}/v1/traces"
    provider.add_span_processor(export.BatchSpanProcessor(exporter.OTLPSpanExporter(endpoint=endpoint)))
    wsgi = _package("opentelemetry.instrumentation.wsgi", name)
    wrapped: Application = wsgi.OpenTelemetryMiddleware(application, tracer_provider=provider)
    return wrapped


def _package(name: str, variable: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ImproperlyConfigured(
            f"{variable} is set, and a package is missing: pip install -r requirements-extras.txt"
        ) from error
