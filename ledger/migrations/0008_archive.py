import django.db.models.deletion
from appendonly.sqlfiles import run_sql_file
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_account_models"), ("ledger", "0007_overviews")]
    operations = [
        run_sql_file("ledger/sql/archive.sql"),
        migrations.CreateModel(
            name="SealArchive",
            fields=[
                ("sha256", models.BinaryField(primary_key=True, serialize=False)),
                ("name", models.TextField()),
                ("from_id", models.BigIntegerField()),
                ("to_id", models.BigIntegerField()),
                ("operations", models.BigIntegerField()),
                ("block_number", models.BigIntegerField()),
                ("noted_at", models.DateTimeField()),
                (
                    "book",
                    models.ForeignKey(
                        db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, to="accounts.book"
                    ),
                ),
            ],
            options={"db_table": "ledger_archive", "managed": False},
        ),
    ]
