"""The WSGI entry point that granian (or gunicorn) serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

# Loaded here so that the bell of the inbox rings the configured broker.
from billing_project.celery import app as celery_app
from billing_project.observers import send_errors, traced
from metrics.instruments import PROCESSES

# Objects that may be made before the collector looks at the young ones; about a hundred requests.
GC_ALLOCATIONS = 20_000

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_project.settings")
application = traced(get_wsgi_application())
send_errors()

# What is loaded now lives as long as the process, and a request leaves few cycles: without this the collector takes seven to
# eight percent of the CPU of a request, most of it to look at the framework again and again.
gc.collect()
gc.freeze()
gc.set_threshold(GC_ALLOCATIONS)

# Gone with the process, also when it is killed: see metrics/processes.py.
PROCESSES.labels("web").set(1)

__all__ = ["application", "celery_app"]
