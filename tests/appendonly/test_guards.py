"""What is recorded stays: raw SQL as the owner, as the runtime role and as the superuser who silences triggers."""

import psycopg
import pytest
from django.apps import apps
from psycopg import errors, sql

from tests.ledger.page import Page

ALL = frozenset({"UPDATE", "DELETE", "TRUNCATE"})
# Every table that SQL files make, with what it refuses. What is missing to ALL has its reason.
GUARDED = {
    "accounts_account": ALL - {"UPDATE"},  # attributes change, through one function, and a trigger records each change
    "accounts_account_change": ALL,
    "accounts_book": ALL,
    "accounts_unit": ALL,
    "ledger_archive": ALL,
    "ledger_entry": ALL,
    "ledger_mark": ALL,
    "ledger_operation": ALL,
    "ledger_operation_key": ALL,
    "ledger_seal_acknowledgement": ALL,
    "ledger_seal_block": ALL,
    "ledger_seal_checkpoint": ALL,
    "ledger_seal_cosignature": ALL,
    "ledger_seal_node": ALL,
    "ledger_seal_publication": ALL,
    "ledger_seal_quarantine": ALL,
    "ledger_snapshot": ALL - {"DELETE"},  # an auxiliary aggregate: a rebuild forgets and makes them anew
    "ledger_verification": ALL,
    "massops_chunk": ALL
    - {"DELETE"},  # pieces of an upload that broke off go again; those of a file never, by a trigger
    "massops_event": ALL,
    "massops_file": ALL,
    "massops_massoperation": ALL - {"UPDATE"},  # it moves along its arrows only: a trigger of its own
    "security_access_record": ALL,
    "security_approval": ALL,
    "security_approval_attempt": ALL,
    "security_approval_decision": ALL,
    "security_approval_effect": ALL,
    "security_signed_body": ALL,
    "security_source": ALL,
    "security_staff_source": ALL,
}
UNGUARDED = {
    "ledger_day_spent": "what grants have let through on a day, counted by the posting function",
    "ledger_inbox": "a queue: a message leaves it in the transaction that records it",
    "ledger_open_mark": "marks that are not safe yet are forgotten",
    "ledger_progress": "one row a book, moved on by the aggregator",
    "ledger_record_count": "an auxiliary aggregate, added to by the aggregator",
    "ledger_turnover": "an auxiliary aggregate, added to by the aggregator",
}
INSERTED_BY_DJANGO = {
    "accounts_book",
    "accounts_unit",
    "massops_chunk",
    "massops_file",
    "massops_massoperation",
    "security_source",
    "security_staff_source",
}
# Their triggers say which changes there are, see massops/sql/mass_operation.sql and its tests.
MOVED_BY_DJANGO = {"massops_chunk", "massops_massoperation"}
STATEMENTS = {
    "INSERT": "INSERT INTO {table} ({column}) SELECT {column} FROM {table} LIMIT 0",
    "UPDATE": "UPDATE {table} SET {column} = {column}",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table} CASCADE",
}
PARTITIONED = ("ledger_entry", "ledger_operation", "ledger_operation_key")


@pytest.fixture(scope="module", autouse=True)
def _rows() -> None:
    """Something that could be lost."""
    page = Page.open_new("anna EUR", "bank EUR")
    page.write_batch(*((f"{number}", "anna 1.00, bank -1.00", "accepted") for number in range(20)))
    page.change("anna", name="Anna")
    page.aggregate()


def rows_of(connection: psycopg.Connection, statement: str, *parameters: object) -> list[str]:
    return [row[0] for row in connection.execute(statement, parameters).fetchall()]


def tables(connection: psycopg.Connection, table: str) -> list[str]:
    """A table and its partitions."""
    statement = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1"
    return [table, *rows_of(connection, statement, table)]


def statement_of(connection: psycopg.Connection, verb: str, table: str) -> sql.Composed:
    ordinary = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attidentity = ''"
    column = sql.Identifier(rows_of(connection, ordinary, table)[0])
    return sql.SQL(STATEMENTS[verb]).format(table=sql.Identifier(table), column=column)


CASES = [(table, verb) for table, verbs in GUARDED.items() for verb in sorted(verbs)]


@pytest.mark.parametrize(("table", "verb"), CASES)
def test_it_refuses_its_owner(table: str, verb: str, owner_connection: psycopg.Connection) -> None:
    for name in tables(owner_connection, table):
        with pytest.raises(errors.RestrictViolation, match="append-only"):
            owner_connection.execute(statement_of(owner_connection, verb, name))


@pytest.mark.parametrize(("table", "verb"), CASES)
def test_it_refuses_a_superuser_who_plays_replica(
    table: str, verb: str, superuser_connection: psycopg.Connection
) -> None:
    superuser_connection.execute("SET session_replication_role = replica")

    for name in tables(superuser_connection, table):
        with pytest.raises(errors.RestrictViolation, match="append-only"):
            superuser_connection.execute(statement_of(superuser_connection, verb, name))


@pytest.mark.parametrize("triggers", ["enabled", "disabled"])
@pytest.mark.parametrize("table", sorted((GUARDED.keys() | UNGUARDED.keys()) - MOVED_BY_DJANGO))
def test_it_gives_the_runtime_role_no_right_to_change_anything(
    table: str, triggers: str, superuser_connection: psycopg.Connection
) -> None:
    for name in tables(superuser_connection, table):
        for verb in ALL if table in INSERTED_BY_DJANGO else STATEMENTS:
            change = statement_of(superuser_connection, verb, name)
            with superuser_connection.transaction(force_rollback=True):
                if triggers == "disabled":
                    superuser_connection.execute(
                        sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(sql.Identifier(name))
                    )
                superuser_connection.execute("SET LOCAL ROLE billing_app")
                with pytest.raises(errors.InsufficientPrivilege), superuser_connection.transaction():
                    superuser_connection.execute(change)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger_mark VALUES (DEFAULT, now(), now(), 1, 1) ON CONFLICT (id) DO UPDATE SET entry_id = 0",
        "MERGE INTO ledger_entry e USING (VALUES (1)) v(id) ON true WHEN MATCHED THEN DELETE",
        "MERGE INTO ledger_entry e USING (VALUES (1)) v(id) ON true WHEN MATCHED THEN UPDATE SET amount = 1",
        "WITH gone AS (DELETE FROM ledger_entry RETURNING id) SELECT count(*) FROM gone",
        "UPDATE ONLY ledger_entry_p00001 SET amount = amount",
        "DELETE FROM ledger_entry WHERE false",
        "TRUNCATE ledger_entry, ledger_operation CASCADE",
        "TRUNCATE ONLY ledger_entry_p00001",
    ],
)
def test_it_refuses_every_way_to_say_it(statement: str, owner_connection: psycopg.Connection) -> None:
    with pytest.raises(errors.RestrictViolation, match="append-only"):
        owner_connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
        "ALTER TABLE ledger_entry_p00001 DISABLE TRIGGER appendonly_delete",
        "DROP TRIGGER appendonly_delete ON ledger_entry",
        "DROP TABLE ledger_entry_p00001",
        "ALTER TABLE ledger_entry DETACH PARTITION ledger_entry_p00001",
        "SET session_replication_role = replica",
        "SET ROLE billing_owner",
        "SET SESSION AUTHORIZATION billing_owner",
        "SELECT setval('ledger_entry_id_seq', 1)",
        "SELECT setval('ledger_operation_id_seq', 1)",
        "SELECT setval('accounts_account_id_seq', 1)",
        "ALTER SEQUENCE ledger_entry_id_seq CACHE 32",
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE OR REPLACE FUNCTION public.appendonly_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SELECT appendonly_guard('ledger_entry')",
        "DO $$ BEGIN LOCK TABLE ledger_entry IN ACCESS EXCLUSIVE MODE; END $$",
        "COPY ledger_entry FROM STDIN",
        "SELECT pg_read_file('postgresql.conf')",
    ],
)
def test_it_gives_the_runtime_role_no_way_around(statement: str, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


def test_it_guards_every_table_that_is_not_djangos_alone(owner_connection: psycopg.Connection) -> None:
    ours = set(
        rows_of(
            owner_connection,
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'"
            " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition",
        )
    )
    djangos = {model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.managed}

    assert ours - djangos - {"django_migrations"} == (GUARDED.keys() | UNGUARDED.keys()) - INSERTED_BY_DJANGO
    armed = {
        (table, verb)
        for table, verb in owner_connection.execute(
            "SELECT t.tgrelid::regclass::text, upper(replace(t.tgname, 'appendonly_', '')) FROM pg_trigger t"
            " WHERE t.tgname LIKE 'appendonly_%%' AND t.tgenabled = 'A'"
        ).fetchall()
    }
    expected = {
        (name, verb) for table, verbs in GUARDED.items() for name in tables(owner_connection, table) for verb in verbs
    }
    assert armed == expected


def test_it_lets_nobody_run_its_functions_but_the_runtime_role(owner_connection: psycopg.Connection) -> None:
    for_public = rows_of(
        owner_connection,
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'public'"
        " WHERE has_function_privilege('public', p.oid, 'EXECUTE')",
    )
    assert for_public == []


def test_it_runs_what_the_runtime_role_may_call_on_a_path_of_its_own(owner_connection: psycopg.Connection) -> None:
    loose = rows_of(
        owner_connection,
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'public'"
        " WHERE p.prosecdef AND NOT coalesce('search_path=pg_catalog, public, pg_temp' = ANY (p.proconfig), false)",
    )
    assert loose == []


@pytest.mark.parametrize("table", ["ledger_operation", "ledger_entry", "accounts_account"])
def test_it_owns_its_transaction_before_it_draws_an_id(table: str, owner_connection: psycopg.Connection) -> None:
    for name in tables(owner_connection, table):
        default = rows_of(
            owner_connection,
            "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid"
            " AND a.attnum = d.adnum WHERE d.adrelid = %s::regclass AND a.attname = 'id'",
            name,
        )[0]
        assert "WHEN (pg_current_xact_id() IS NOT NULL) THEN nextval(" in " ".join(default.split())
        assert "ELSE NULL" in default


def test_it_draws_ids_one_by_one(owner_connection: psycopg.Connection) -> None:
    cached = rows_of(
        owner_connection, "SELECT seqrelid::regclass::text FROM pg_sequence WHERE seqcache <> 1 OR seqincrement <> 1"
    )

    assert cached == []


def test_it_keeps_all_rows_after_all_of_this(owner_connection: psycopg.Connection) -> None:
    assert int(rows_of(owner_connection, "SELECT count(*)::text FROM ledger_entry")[0]) >= 40
