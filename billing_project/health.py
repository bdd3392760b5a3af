"""Liveness and readiness: what a supervisor or load balancer asks."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

_TIMEOUT_SECONDS = 0.5


def livez(_request: HttpRequest) -> JsonResponse:
    """200 while this process answers at all."""
    return JsonResponse({"status": "ok"})


def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when PostgreSQL answers and is migrated. Valkey is told, but the ledger works without it."""
    parts = {"postgresql": _postgresql(), "valkey": _valkey()}
    return JsonResponse(
        {"status": "ok" if parts["postgresql"] == "ok" else "unavailable", **parts},
        status=200 if parts["postgresql"] == "ok" else 503,
    )


def _postgresql() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('public.ledger_entry') IS NOT NULL")
            return "ok" if cursor.fetchone()[0] else "not migrated"
    except DatabaseError:
        return "unavailable"


def _valkey() -> str:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=_TIMEOUT_SECONDS) as client:
            client.ping()
    except redis.RedisError:
        return "unavailable"
    return "ok"
