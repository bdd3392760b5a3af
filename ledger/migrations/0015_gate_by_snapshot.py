"""Far from the floor the gate reads the newest snapshot alone."""

from appendonly.sqlfiles import run_sql_file
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0014_reduced_partitions"), ("accounts", "0004_fast_debit_since")]
    operations = [
        run_sql_file("ledger/sql/judge_floors_v1.sql"),
        run_sql_file("ledger/sql/fast_limit_v2.sql"),
        migrations.RunSQL(
            "DROP FUNCTION IF EXISTS public.ledger_set_fast_limit_v1, public.ledger_fast_limits_due_v1", elidable=False
        ),
    ]
