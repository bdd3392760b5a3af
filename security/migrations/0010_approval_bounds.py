"""Approvals end: a request that nobody decides expires, and a handler that fails each time has failed."""

from django.db import migrations, models

from appendonly.sqlfiles import run_sql_file


class Migration(migrations.Migration):

    dependencies = [("security", "0009_client_rates")]

    operations = [
        migrations.CreateModel(
            name="ApprovalAttempt",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("approval_id", models.BigIntegerField()),
                ("reason", models.TextField()),
                ("attempted_at", models.DateTimeField()),
            ],
            options={"db_table": "security_approval_attempt", "managed": False},
        ),
        run_sql_file("security/sql/approval_bounds.sql"),
        run_sql_file("security/sql/record_attempt_v1.sql"),
        run_sql_file("security/sql/decide_approval_v2.sql"),
    ]
