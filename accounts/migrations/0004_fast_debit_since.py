from appendonly.sqlfiles import run_sql_file
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_account_models")]
    operations = [run_sql_file("accounts/sql/fast_debit_since.sql")]
