from appendonly.sqlfiles import run_sql_file
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0011_gate_in_one")]
    operations = [run_sql_file("ledger/sql/turnover_key.sql")]
