"""Ids in log lines, problems, operations and tasks; and nothing in a line that lets somebody in."""

import io
import json
import logging
import logging.config
import uuid
from types import SimpleNamespace

import pytest
import structlog
from celery.signals import after_task_publish
from django.http import HttpResponse
from django.test import RequestFactory
from django_structlog.celery.receivers import CeleryReceiver

from accounts.models import Book
from billing_project.celery import app
from billing_project.request_id import RequestIdMiddleware, trace_of
from ledger.models import Operation
from security.tasks import apply_approval
from tests.api.calls import Api
from tests.security.actors import new_actor

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def lines():
    """What the configured handler writes, decoded."""
    stream = io.StringIO()
    (handler,) = [h for h in logging.getLogger().handlers if getattr(h, "name", "") == "console"]
    before = handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    handler.setStream(before)


# The examples of W3C Trace Context and its rules, as (header, what is kept).
TRACES = [
    (TRACE, TRACE),
    (
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    ),
    ("cc" + TRACE[2:] + "-what-the-future-brings", "cc" + TRACE[2:]),
    ("cc" + TRACE[2:], "cc" + TRACE[2:]),
    (TRACE + "-more", None),
    ("ff" + TRACE[2:], None),
    ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None),
    ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None),
    (TRACE.upper(), None),
    (TRACE[:-1], None),
    ("cc" + TRACE[2:] + "x", None),
    ("", None),
    ("é" * 55, None),
    (TRACE + "\n", None),
]


@pytest.mark.parametrize(("header", "kept"), TRACES)
def test_a_trace_is_kept_if_it_is_well_formed(header, kept):
    assert trace_of(header) == kept


def test_an_operation_keeps_the_ids_of_its_request_and_tells_them():
    token = new_actor(name="tracer", scopes="accounts:write accounts:read operations:write operations:read").token()
    api = Api(token, Book.objects.create(name=f"book-{uuid.uuid4().hex[:8]}").name)
    api.open("cash")
    request_id = uuid.uuid4().hex

    answer = api.post(
        "/operations",
        {"entries": [{"account": "cash", "amount": "1"}]},
        key="k",
        headers={"X-Request-Id": request_id, "traceparent": TRACE},
    )

    assert answer["X-Request-Id"] == request_id
    operation = Operation.objects.get(id=int(answer.json()["id"]))
    assert (operation.request_id, operation.traceparent) == (request_id, TRACE)
    lineage = api.get(f"/operations/{operation.id}/lineage").json()
    assert (lineage["request_id"], lineage["traceparent"]) == (request_id, TRACE)


def test_a_line_carries_the_ids_of_the_request_that_wrote_it(lines):
    def view(request):
        logging.getLogger("ledger.test").warning("something %s", "happened")
        return HttpResponse()

    RequestIdMiddleware(view)(RequestFactory().get("/", headers={"X-Request-Id": "request-77", "traceparent": TRACE}))
    logging.getLogger("ledger.test").warning("outside")

    inside, outside = lines()
    assert inside["event"] == "something happened"
    assert (inside["level"], inside["logger"]) == ("warning", "ledger.test")
    assert (inside["request_id"], inside["traceparent"]) == ("request-77", TRACE)
    assert inside["trace_id"] == TRACE.split("-")[1]
    assert inside["timestamp"].endswith("Z")
    assert "request_id" not in outside


def test_a_task_carries_the_ids_of_the_request_that_sent_it():
    headers = []

    def note(sender=None, **sent):
        headers.append(sent["headers"])

    def view(request):
        apply_approval.apply_async(kwargs={"approval_id": 0}, queue="nobody-listens", expires=1)
        assert apply_approval.app is app
        return HttpResponse()

    after_task_publish.connect(note)
    RequestIdMiddleware(view)(RequestFactory().get("/", headers={"X-Request-Id": "request-78", "traceparent": TRACE}))
    after_task_publish.disconnect(note)

    (sent,) = headers
    assert sent["__django_structlog__"]["request_id"] == "request-78"
    assert sent["__django_structlog__"]["traceparent"] == TRACE


def test_the_lines_of_a_task_carry_those_ids_and_its_own(lines):
    request = SimpleNamespace(__django_structlog__={"request_id": "request-79"}, id="task-1")
    CeleryReceiver().receiver_task_prerun("task-1", SimpleNamespace(request=request, name="t"))
    logging.getLogger("ledger.test").warning("working")
    structlog.contextvars.clear_contextvars()

    (line,) = lines()
    assert (line["request_id"], line["task_id"]) == ("request-79", "task-1")


SECRETS = [
    ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
    ("authorization=basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("POST grant_type=client_credentials&client_secret=hush&scope=x", "hush"),
    ("{'password': 'hush', 'username': 'anna'}", "hush"),
    ('{"access_token": "hush"}', "hush"),
    ("connection to postgres://billing:hush@db/billing failed", "hush"),
    ("redis://:hush@127.0.0.1:6379/0", "hush"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_what_looks_like_a_credential_is_hidden(lines, text, secret):
    logging.getLogger("anybody").error("%s", text)

    (line,) = lines()
    assert secret not in json.dumps(line)
    assert "[hidden]" in line["event"]


def test_a_traceback_hides_credentials_too(lines):
    try:
        int("Bearer abcdef")
    except ValueError:
        logging.getLogger("anybody").exception("it failed")

    (line,) = lines()
    assert "ValueError" in line["exception"]
    assert "abcdef" not in line["exception"]


def test_a_line_break_in_a_text_makes_no_second_line(lines):
    logging.getLogger("anybody").error('first\n{"level": "info"}')

    assert len(lines()) == 1
