from django.db import migrations, models


class Migration(migrations.Migration):
    """One approval may give all the grants of a file."""

    dependencies = [("security", "0013_enrolment")]

    operations = [
        migrations.AlterField(
            model_name="grant",
            name="approval_id",
            field=models.BigIntegerField(db_index=True, editable=False, null=True, verbose_name="approval"),
        ),
    ]
