"""Staged accounts know what the sender's grants allow."""

from appendonly.sqlfiles import run_sql_file
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("massops", "0001_massops")]

    operations = [run_sql_file("massops/sql/staged_rights.sql")]
