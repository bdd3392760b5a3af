"""The triggers that make a table append-only."""

from django.db import migrations

from appendonly.sqlfiles import run_sql_file


class Migration(migrations.Migration):
    """Functions only; other apps call them for their tables."""

    operations = [run_sql_file("appendonly/sql/guard.sql")]
