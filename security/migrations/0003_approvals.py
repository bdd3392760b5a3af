"""The two-person rule: requests, decisions, effects; thresholds; and the sources of staff."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from appendonly.sqlfiles import run_sql_file


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('security', '0002_highest_priority'),
    ]

    operations = [
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('kind', models.TextField()),
                ('summary', models.TextField()),
                ('payload', models.JSONField()),
                ('amounts', models.JSONField()),
                ('requested_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'security_approval',
                'permissions': [('decide_approval', 'Can approve or reject what others ask for')],
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='ApprovalDecision',
            fields=[
                ('approval', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='decision', serialize=False, to='security.approval')),
                ('decision', models.TextField()),
                ('reason', models.TextField()),
                ('decided_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'security_approval_decision',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='ApprovalEffect',
            fields=[
                ('approval', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='effect', serialize=False, to='security.approval')),
                ('outcome', models.TextField()),
                ('result', models.JSONField()),
                ('recorded_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'security_approval_effect',
                'managed': False,
            },
        ),
        migrations.CreateModel(
            name='ApprovalThreshold',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(max_length=32)),
                ('unit', models.CharField(blank=True, help_text='Empty: all units that have no threshold of their own.', max_length=32)),
                ('above_minor', models.DecimalField(blank=True, decimal_places=0, help_text="In the unit's smallest parts: 100000 is 1,000.00 EUR. 0: always needed. Empty: never needed.", max_digits=38, null=True, verbose_name='approval needed above')),
            ],
            options={
                'db_table': 'security_approval_threshold',
                'constraints': [models.UniqueConstraint(fields=('kind', 'unit'), name='security_approval_threshold_once'), models.CheckConstraint(condition=models.Q(('above_minor__gte', 0)), name='security_approval_threshold_positive'), models.CheckConstraint(condition=models.Q(models.Q(('unit', ''), _negated=True), ('above_minor', None), ('above_minor', 0), _connector='OR'), name='security_approval_threshold_of_one_unit')],
            },
        ),
        migrations.CreateModel(
            name='StaffSource',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='staff_source', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('source', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='staff', to='security.source')),
            ],
            options={
                'db_table': 'security_staff_source',
            },
        ),
        migrations.RunSQL("SELECT public.appendonly_guard('public.security_staff_source')"),
        run_sql_file("security/sql/approval.sql"),
        run_sql_file("security/sql/request_approval_v1.sql"),
        run_sql_file("security/sql/decide_approval_v1.sql"),
        run_sql_file("security/sql/record_effect_v1.sql"),
    ]
