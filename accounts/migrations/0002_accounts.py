from appendonly.sqlfiles import run_sql_file
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_books_and_units")]
    operations = [
        run_sql_file("accounts/sql/account.sql"),
        run_sql_file("accounts/sql/open_v1.sql"),
    ]
