from appendonly.sqlfiles import run_sql_file
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0012_turnover_key")]
    operations = [run_sql_file(f"ledger/sql/{name}.sql") for name in ("balance_v1", "balance_tail_v1", "judge_floors_v1")]
