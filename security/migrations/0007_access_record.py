"""The access record."""

from django.db import migrations, models

from appendonly.sqlfiles import run_sql_file


class Migration(migrations.Migration):

    dependencies = [("security", "0006_grants")]

    operations = [
        migrations.CreateModel(
            name='AccessRecord',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField()),
                ('event', models.TextField(choices=[('login', 'Log-in of staff'), ('login_failed', 'Failed log-in of staff'), ('login_locked', 'Log-in locked after failures'), ('logout', 'Log-out of staff'), ('authentication_failed', 'Failed authentication of a client'), ('refused', 'Refused for lack of a right'), ('administration', 'Act in the administration'), ('approval', 'Approval asked for or decided'), ('client', 'Client created, changed, rotated or revoked'), ('export', 'Export of records')])),
                ('who', models.TextField()),
                ('credential', models.TextField()),
                ('what', models.TextField()),
                ('code', models.TextField()),
                ('address', models.GenericIPAddressField(null=True)),
                ('request_id', models.TextField()),
                ('times', models.IntegerField()),
            ],
            options={
                'db_table': 'security_access_record',
                'managed': False,
            },
        ),
        run_sql_file("security/sql/access_record.sql"),
        run_sql_file("security/sql/record_access_v1.sql"),
    ]
