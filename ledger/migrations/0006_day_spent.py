"""Sums per day of grants, and which operations a reader with grants may know of."""

from appendonly.sqlfiles import run_sql_file
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_seal_models")]
    operations = [
        run_sql_file("ledger/sql/day_spent.sql"),
        run_sql_file("ledger/sql/spend_v1.sql"),
        run_sql_file("ledger/sql/is_readable_v1.sql"),
        migrations.CreateModel(
            name="DaySpent",
            fields=[("grant_id", models.BigIntegerField(primary_key=True, serialize=False))],
            options={"db_table": "ledger_day_spent", "managed": False},
        ),
    ]
