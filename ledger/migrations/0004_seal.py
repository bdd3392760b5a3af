from appendonly.sqlfiles import run_sql_file
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_record_counts")]
    operations = [run_sql_file(f"ledger/sql/{name}.sql") for name in ("seal", "seal_block_v1", "seal_notes_v1", "skip_ids_v1")]
