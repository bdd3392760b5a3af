from appendonly.sqlfiles import run_sql_file
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_models")]
    operations = [
        run_sql_file("ledger/sql/record_count.sql"),
        migrations.CreateModel(
            name="RecordCount",
            fields=[("book_id", models.IntegerField(primary_key=True, serialize=False))],
            options={"db_table": "ledger_record_count", "managed": False},
        ),
    ]
