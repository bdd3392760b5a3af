"""SQL files as migrations: a migration names the file, the file holds the statement and its invariant."""

from pathlib import Path

from django.db.migrations.operations import RunSQL

ROOT = Path(__file__).resolve().parent.parent


def run_sql_file(path: str) -> RunSQL:
    """Return the operation that runs one SQL file, named from the root of the project.

    Ledger tables are never dropped by a backward migration, so there is no reverse.
    """
    return RunSQL((ROOT / path).read_text(encoding="utf-8"), elidable=False)


def read_sql(path: str) -> str:
    """Return the text of one SQL file, named from the root of the project."""
    return (ROOT / path).read_text(encoding="utf-8")
