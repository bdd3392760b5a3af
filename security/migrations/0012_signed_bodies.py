"""The bodies of signed batches are kept."""

from django.db import migrations, models

from appendonly.sqlfiles import run_sql_file


class Migration(migrations.Migration):

    dependencies = [("security", "0011_grant_approval")]

    operations = [
        migrations.CreateModel(
            name="SignedBody",
            fields=[
                ("digest", models.BinaryField(primary_key=True, serialize=False)),
                ("body", models.BinaryField()),
                ("kept_at", models.DateTimeField()),
            ],
            options={"db_table": "security_signed_body", "managed": False},
        ),
        run_sql_file("security/sql/signed_body.sql"),
        run_sql_file("security/sql/keep_body_v1.sql"),
    ]
