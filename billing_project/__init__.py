"""The composition root. The Celery application is loaded with it, so that every process rings the same broker."""

from billing_project.celery import app as celery_app

__all__ = ["celery_app"]
