"""The first page of the panel: tiles that each ask for themselves, again and again, and fail by themselves.

A tile is a function from a book to what its template shows. It runs in a request of its own, and each of its questions to the
database for TILE_SECONDS_MAX at most, so a slow or absent part of the system is one red tile and never an error page. Nothing
here counts by scanning.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis
from django.conf import settings
from django.contrib import admin
from django.db import DatabaseError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from accounts.models import Book
from billing_project.celery import app
from ledger import instruments, overview, records
from ledger.admin import shown
from ledger.contracts import ACCEPTED
from ledger.sealing import status
from metrics.exposition import counted

# A tile that takes longer is better shown as failed: the page asks again in a few seconds.
TILE_SECONDS_MAX = 2
# How long the dashboard waits for Valkey and for the workers to answer.
ANSWER_SECONDS_MAX = 0.5
# A chain that is further behind than this is worth a look: sealing takes about a second.
SEAL_LAG_SECONDS = 60
# The spans of the charts: label, seconds of one step, steps.
SPANS = {"hour": ("last hour", 60, 60), "day": ("last 24 hours", 900, 96), "week": ("last 7 days", 7200, 84)}
_FAILURES = (DatabaseError, redis.RedisError, BrokerError, OSError)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: its title, where its list is, how wide it is, how often it asks, who may see it, and what it shows."""

    name: str
    title: str
    list_url: str
    seconds: int
    read: Callable[[int, str], dict[str, Any]]
    permission: str = "ledger.view_operation"
    wide: str = ""


def units(book_id: int, _span: str) -> dict[str, Any]:
    """Totals by unit, from the overview that a worker makes now and then."""
    found = overview.latest(book_id=book_id)
    rows = [] if found is None else found.units
    return {
        "made": None if found is None else shown.moment(found.made_at),
        "units": [
            {
                "unit": row["unit"],
                "accounts": f"{row['accounts']:,}",
                "above": shown.amount(int(row["above"]), row["exponent"]),
                "below": shown.amount(int(row["below"]), row["exponent"]),
                "sum": shown.amount(int(row["above"]) + int(row["below"]), row["exponent"]),
            }
            for row in rows
        ],
    }


def largest(book_id: int, _span: str) -> dict[str, Any]:
    """The largest balances of the units with most accounts, from the same overview."""
    found = overview.latest(book_id=book_id)
    rows = [] if found is None else found.units[:2]
    return {
        "made": None if found is None else shown.moment(found.made_at),
        "units": [
            {
                "unit": row["unit"],
                "accounts": [
                    (shown.account_link(number, code), shown.amount(int(balance), row["exponent"]))
                    for number, code, balance in row["largest"]
                ],
            }
            for row in rows
        ],
    }


def operations(book_id: int, span: str) -> dict[str, Any]:
    """Operations over time, of all books, from marks."""
    read = _activity(book_id, span)
    return {
        "chart": {
            "labels": read["labels"],
            "lines": [{"label": "operations", "values": read["operations"]}],
            "whole": True,
        },
        "total": f"{sum(read['operations']):,}",
        "span": read["span"],
    }


def refusals(book_id: int, span: str) -> dict[str, Any]:
    """Refusals by code over time."""
    read = _activity(book_id, span)
    lines = [{"label": code, "values": values} for code, values in sorted(read["refusals"].items())]
    return {
        "chart": {"labels": read["labels"], "lines": lines, "whole": True} if lines else None,
        "codes": [(code, f"{sum(values):,}") for code, values in sorted(read["refusals"].items())],
        "span": read["span"],
        "accepted": ACCEPTED,
    }


def backlog(_book_id: int, _span: str) -> dict[str, Any]:
    """What waits in the inbox, by class, and how far the newest mark is behind."""
    waiting, lag = instruments.waiting()
    return {
        "classes": [(name, f"{count:,}", _age(age) if count else shown.NOTHING) for name, count, age in waiting],
        "lag": _age(lag) if lag else "none",
    }


def seal(_book_id: int, _span: str) -> dict[str, Any]:
    """Where each book's chain stands, and which session holds the marks back."""
    return {
        "chains": [
            {
                "book": chain.book,
                "tone": "bad" if chain.unacknowledged else "good" if chain.lag_seconds < SEAL_LAG_SECONDS else "warn",
                "leaves": f"{chain.size:,}",
                "blocks": f"{chain.blocks:,}",
                "signed": f"{chain.signed_size:,}",
                "quarantined": chain.unacknowledged,
                "lag": _age(chain.lag_seconds) if chain.lag_seconds else "none",
            }
            for chain in status.chains()
        ],
        "holder": status.holder(),
    }


def record_counts(_book_id: int, _span: str) -> dict[str, Any]:
    """How many records each repository holds, counted along by the aggregator, over all books."""
    totals: dict[str, int] = {}
    for count in records.counts():
        totals[count.repository] = totals.get(count.repository, 0) + count.records
    return {"records": [(name.replace("_", " "), f"{number:,}") for name, number in sorted(totals.items())]}


def health(_book_id: int, _span: str) -> dict[str, Any]:
    """Whether each part answers. A part that does not is told; the tile itself is well."""
    return {"parts": [_postgresql(), _valkey(), _workers(), *_processes()]}


_OPERATIONS, _ACCOUNTS = "admin:ledger_operation_changelist", "admin:accounts_account_changelist"
TILES = {
    tile.name: tile
    for tile in (
        Tile("units", "Totals by unit", _ACCOUNTS, 30, units, "accounts.view_account", "pn-most"),
        Tile("health", "Health", "admin:django_celery_beat_periodictask_changelist", 10, health),
        Tile("operations", "Operations", _OPERATIONS, 10, operations, wide="pn-half"),
        Tile("refusals", "Refusals", _OPERATIONS, 10, refusals, wide="pn-half"),
        Tile("largest", "Largest balances", _ACCOUNTS, 30, largest, "accounts.view_account", "pn-most"),
        Tile("backlog", "Waiting messages", _OPERATIONS, 5, backlog),
        Tile("seal", "Seal", "admin:ledger_sealblock_changelist", 5, seal, wide="pn-half"),
        Tile("records", "Records", "admin:ledger_entry_changelist", 15, record_counts, wide="pn-half"),
    )
}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows before its tiles have asked: which tiles there are (UNFOLD's DASHBOARD_CALLBACK)."""
    books = list(Book.objects.order_by("id").values_list("name", flat=True))
    asked = request.GET.get("book")
    return {
        **context,
        "title": "Dashboard",
        "tiles": [
            {
                "name": tile.name,
                "title": tile.title,
                "seconds": tile.seconds,
                "wide": tile.wide,
                "url": reverse(tile.list_url),
            }
            for tile in TILES.values()
            if request.user.has_perm(tile.permission)
        ],
        "books": books,
        "book": asked if asked in books else books[0] if books else "",
        "spans": [(name, label) for name, (label, _, _) in SPANS.items()],
        "span": request.GET.get("span") if request.GET.get("span") in SPANS else "hour",
    }


def tile_view(request: HttpRequest, name: str) -> HttpResponse:
    """One tile, read now. What does not answer in time is told in the tile, with 200: the page goes on asking."""
    tile = TILES.get(name)
    if tile is None or not request.user.has_perm(tile.permission):
        raise Http404
    span = request.GET.get("span", "hour")
    context: dict[str, Any] = {"tile": tile, "span_name": span if span in SPANS else "hour"}
    try:
        with transaction.atomic():
            _limit_statements()
            book_id = Book.objects.filter(name=request.GET.get("book", "")).values_list("id", flat=True).first()
            if book_id is None:
                raise Http404
            context |= tile.read(book_id, context["span_name"])
    except _FAILURES as error:
        context["failure"] = type(error).__name__
    return TemplateResponse(request, f"panel/tiles/{'failed' if 'failure' in context else name}.html", context)


tile_page = admin.site.admin_view(tile_view)


def _limit_statements() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", (f"{int(TILE_SECONDS_MAX * 1000)}ms",))


def _activity(book_id: int, span: str) -> dict[str, Any]:
    label, step, steps = SPANS[span]
    end = timezone.now().replace(microsecond=0)
    since = end - timedelta(seconds=step * steps + end.timestamp() % step)
    read = overview.activity(book_id=book_id, since=since, step_seconds=step, steps=steps + 1)
    form = "%H:%M" if span == "hour" else "%a %H:%M"
    return {
        "labels": [start.strftime(form) for start in read.starts],
        "operations": read.operations,
        "refusals": read.refusals,
        "span": f"{label}, by {_age(step)}, UTC",
    }


def _age(seconds: float) -> str:
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {name}{'' if number == 1 else 's'}"
    return f"{seconds:.1f} seconds"


def _postgresql() -> tuple[str, str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), count(*), current_setting('max_connections')"
            " FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
        version, used, most = cursor.fetchone()
    return "PostgreSQL", "good", f"{version}, {used} of {most} connections"


def _valkey() -> tuple[str, str, str]:
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=ANSWER_SECONDS_MAX, socket_connect_timeout=ANSWER_SECONDS_MAX
        ) as client:
            facts = client.info("memory")
    except redis.RedisError:
        return "Valkey", "bad", "does not answer; balances come from PostgreSQL"
    return "Valkey", "good", f"{facts['used_memory_human']} used"


def _workers() -> tuple[str, str, str]:
    try:
        answers = app.control.ping(timeout=ANSWER_SECONDS_MAX)
    except (BrokerError, redis.RedisError, OSError):
        return "Workers", "bad", "the broker does not answer"
    if not answers:
        return "Workers", "bad", "none answers; messages for later wait"
    return "Workers", "good", f"{len(answers)} answer"


def _processes() -> list[tuple[str, str, str]]:
    """Beat and web as far as they count on this host: a process that lives says so (metrics.processes)."""
    living = {
        sample.labels["kind"]: int(sample.value)
        for metric in counted()
        if metric.name == "ledger_processes"
        for sample in metric.samples
    }
    return [
        (kind, "good" if living.get(key) else "warn", f"{living.get(key, 0)} on this host")
        for kind, key in (("Beat", "beat"), ("Web processes", "web"))
    ]
