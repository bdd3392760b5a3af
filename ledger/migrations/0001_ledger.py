from appendonly.sqlfiles import run_sql_file
from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = [("accounts", "0002_accounts")]
    operations = [
        run_sql_file(f"ledger/sql/{name}.sql")
        for name in (
            "operation",
            "entry",
            "prime_entries_v1",
            "partitions_v1",
            "mark",
            "aggregates",
            "aggregate_v1",
            "balance_v1",
            "judge_floors_v1",
            "inbox",
            "put_inbox_v1",
            "take_inbox_v1",
            "post_v1",
            "change_account_v1",
            "forget_aggregates_v1",
        )
    ]
