from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("security", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="client",
            name="highest_priority",
            field=models.CharField(choices=[("critical", "Critical"), ("normal", "Normal"), ("bulk", "Bulk")], default="normal", help_text="The highest class in which this client's messages may wait.", max_length=16),
        ),
    ]
