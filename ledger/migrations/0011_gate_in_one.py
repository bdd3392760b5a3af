"""The gate and the judgement of floors are one function now, and what is rare stands behind one question of the posting function."""

from appendonly.sqlfiles import run_sql_file
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0010_acknowledgements")]
    operations = [
        run_sql_file("ledger/sql/judge_floors_v1.sql"),
        run_sql_file("ledger/sql/post_v1.sql"),
        migrations.RunSQL("DROP FUNCTION IF EXISTS public.ledger_pass_gate_v1", elidable=False),
    ]
