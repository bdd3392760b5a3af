from appendonly.sqlfiles import run_sql_file
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0013_balance_tail")]
    operations = [
        run_sql_file("ledger/sql/partitions_v2.sql"),
        run_sql_file("ledger/sql/reduced_partition_v1.sql"),
    ]
