from appendonly.sqlfiles import run_sql_file
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0009_ask_verification")]
    operations = [
        run_sql_file("ledger/sql/acknowledgement.sql"),
        migrations.CreateModel(
            name="SealAcknowledgement",
            fields=[
                ("operation_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("leaf_hash", models.BinaryField()),
                ("who", models.TextField()),
                ("reason", models.TextField()),
                ("acknowledged_at", models.DateTimeField()),
                ("mac", models.BinaryField()),
                ("mac_key", models.TextField()),
            ],
            options={"db_table": "ledger_seal_acknowledgement", "managed": False},
        ),
        migrations.AlterModelOptions(
            name="sealquarantine",
            options={
                "managed": False,
                "permissions": (("acknowledge_sealquarantine", "Can acknowledge a quarantined operation"),),
            },
        ),
    ]
