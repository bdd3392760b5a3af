"""Log lines: one JSON object each, with the ids of the request or task that wrote it, and without anything that lets somebody in.

A request binds nothing: the ids are read from it when a line is written, so a call that logs nothing pays nothing. Tasks get
the ids of the request that sent them in their headers (django-structlog), and their lines carry them and the task's own id.
"""

import logging
import re
from typing import Any

import structlog
from structlog.typing import EventDict

from security.request_context import CURRENT_REQUEST

# Whatever library writes a line: an Authorization header, a form of OAuth, a password in an address of a server.
_SECRETS = (
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9\-._~+/=]+", re.IGNORECASE), r"\1 [hidden]"),
    (
        re.compile(
            r"\b(client_secret|access_token|token|password|secret|code)(=|\"?:\s?\"?|'?:\s?'?)[^\s&,\"'}]+",
            re.IGNORECASE,
        ),
        r"\1\2[hidden]",
    ),
    (re.compile(r"(\w+://[^:/@\s]*):[^@/\s]+@"), r"\1:[hidden]@"),
)


def ids_of_request() -> dict[str, str]:
    """The ids of the request that this thread works on; nothing outside of one."""
    request = CURRENT_REQUEST.get()
    if request is None:
        return {}
    request_id = str(getattr(request, "request_id", ""))
    trace = getattr(request, "traceparent", None)
    if trace is None:
        return {"request_id": request_id}
    return {"request_id": request_id, "trace_id": trace.split("-")[1], "traceparent": trace}


def add_ids(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Put the ids of the request into the line, unless it has its own."""
    for name, value in ids_of_request().items():
        event.setdefault(name, value)
    return event


def hide_secrets(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Hide what looks like a credential, in every text of the line: the last net."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = hidden(value)
    return event


def hidden(text: str) -> str:
    """Return the text without what looks like a credential."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def configuration(*, level: str, form: str) -> dict[str, Any]:
    """The LOGGING of Django: every logger's lines to standard error, as JSON or (form `text`) for people's eyes."""
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_ids,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    line = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, hide_secrets, last],
        "foreign_pre_chain": before,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        # Django warns of every 4xx; the answer itself tells the client, and a busy API would fill the disk with refusals.
        "loggers": {"django.request": {"level": "ERROR"}, "axes": {"level": "WARNING"}},
        "root": {"handlers": ["console"], "level": level},
    }


def follow_tasks() -> None:
    """Give each task that a request sends the ids of that request; called once, by the Celery application."""
    from django_structlog.celery.signals import modify_context_before_task_publish  # noqa: PLC0415 - after the settings

    modify_context_before_task_publish.connect(_add_ids_to_task, dispatch_uid="billing_project.logs")


def _add_ids_to_task(*, context: dict[str, Any], **_kwargs: Any) -> None:
    context.update(ids_of_request())


TASK_LOG_LEVEL = logging.DEBUG  # bells ring every second: their lines would be most of the log
