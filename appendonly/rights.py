"""Who may do what in the database: the owner role migrates, the runtime role reads and calls the ledger's functions.

Tables that Django manages (staff, sessions, OAuth2 tokens, schedules) are ordinary and get ordinary rights, less what a
guard refuses (books, units and sources are inserted and never changed). Tables that our SQL files create get SELECT alone:
the only way to write them is a function that runs with the owner's rights.
"""

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import connections
from psycopg import sql

_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_REFUSED = """
    SELECT c.relname, upper(replace(t.tgname, 'appendonly_', ''))
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE starts_with(t.tgname, 'appendonly_')
"""


def grant_runtime_rights(*, app_config: AppConfig, using: str, **_kwargs: Any) -> None:
    """Give the runtime role its rights on all tables and functions; called after every migration, safe to repeat.

    The signal comes once for each app with models, in order; the last one finds all tables there.
    """
    if app_config is not [config for config in apps.get_app_configs() if config.models_module][-1]:
        return
    role = settings.DATABASE_RUNTIME_ROLE
    with connections[using].cursor() as cursor:
        existing = set(connections[using].introspection.table_names(cursor))
        cursor.execute("SELECT current_user")
        if cursor.fetchone()[0] == role:  # one role for everything: it owns the tables, there is nothing to hand over
            return
        managed: set[str] = set()
        unmanaged = {"django_migrations"}
        for model in apps.get_models(include_auto_created=True):
            (managed if model._meta.managed else unmanaged).add(model._meta.db_table)  # noqa: SLF001 - Django's documented model metadata
        cursor.execute(_REFUSED)
        refused = set(cursor.fetchall())
        for table in sorted((managed | unmanaged) & existing):
            verbs = ", ".join(verb for verb in _VERBS if (table, verb) not in refused) if table in managed else "SELECT"
            cursor.execute(
                sql.SQL("REVOKE ALL ON {table} FROM {role}; GRANT " + verbs + " ON {table} TO {role}").format(
                    table=sql.Identifier(table), role=sql.Identifier(role)
                )
            )
        cursor.execute(
            sql.SQL(
                "GRANT USAGE ON SCHEMA public TO {role}; GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};"
                "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;"
                "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role};"
                "REVOKE EXECUTE ON FUNCTION public.appendonly_guard FROM {role}"
            ).format(role=sql.Identifier(role))
        )
