"""The Celery application. Tasks are bells: what is to be done stands in tables, and a lost task is rung again by beat."""

import os

from celery import Celery
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_project.settings")

app = Celery("billing")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

from billing_project.beat import SCHEDULE  # noqa: E402 - the schedule names tasks of the configured application

app.conf.beat_schedule = SCHEDULE

from billing_project.logs import follow_tasks  # noqa: E402
from billing_project.observers import send_errors  # noqa: E402
from metrics import background  # noqa: E402 - after the settings are named; it connects to Celery's signals

app.steps["worker"].add(DjangoStructLogInitStep)
follow_tasks()
send_errors()

__all__ = ["app", "background"]
