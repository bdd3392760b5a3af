"""The WSGI entry point that granian (or gunicorn) serves."""

import os

from django.core.wsgi import get_wsgi_application

# Loaded here so that the bell of the inbox rings the configured broker.
from billing_project.celery import app as celery_app
from billing_project.observers import send_errors, traced
from metrics.instruments import PROCESSES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_project.settings")
application = traced(get_wsgi_application())
send_errors()

# Gone with the process, also when it is killed: see metrics/processes.py.
PROCESSES.labels("web").set(1)

__all__ = ["application", "celery_app"]
