"""Django's settings for django-hordak, in a database of its own: what its example project has, without browser and admin.

The connection has our own options: kept for as long as its thread, psycopg 3.
"""

import os
from typing import Any

import environ

SECRET_KEY = "not a secret: nothing is signed"  # noqa: S105
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "mptt",
    "djmoney",
    "hordak",
]
DATABASES: dict[str, dict[str, Any]] = {
    "default": environ.Env.db_url_config(os.environ["HORDAK_DATABASE_URL"]) | {"CONN_MAX_AGE": None}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_CURRENCY = "EUR"
CURRENCIES = ["EUR"]
