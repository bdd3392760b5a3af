"""A connection that breaks: nothing is lost and nothing happens twice."""

import psycopg
import pytest
from django.db import OperationalError, connection

from ledger import limits, posting
from tests.ledger.page import Page


def backend() -> int:
    return int(posting.execute("SELECT pg_backend_pid()", ())[0])


def test_it_posts_on_a_new_connection_after_the_old_one_was_cut(superuser_connection: psycopg.Connection) -> None:
    page = Page.open_new("bank EUR")
    page.write(("before", "bank 1.00", "accepted"))
    superuser_connection.execute("SELECT pg_terminate_backend(%s)", (backend(),))

    page.write(("pay", "bank 1.00", "accepted"))

    page.shows("bank 2.00")


def test_it_does_nothing_twice_where_the_first_call_had_taken_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page.open_new("bank EUR")
    execute, calls = posting.execute, []

    def cut_after_commit(statement, parameters):
        row = execute(statement, parameters)
        calls.append(statement)
        if len(calls) == 1:
            connection.connection.close()
            connection.errors_occurred = True
            raise OperationalError("the connection broke while the answer was on its way")
        return row

    monkeypatch.setattr(posting, "execute", cut_after_commit)
    outcome = page.accept([page.message("pay", "bank 1.00")])
    monkeypatch.undo()

    assert outcome == ["accepted again"]
    assert len(calls) == 2
    page.shows("bank 1.00")


def test_it_does_not_repeat_a_call_that_the_server_refused(superuser_connection: psycopg.Connection) -> None:
    page = Page.open_new("anna EUR floor 0.00")
    page.write(("funds", "anna 5.00", "accepted"))
    with superuser_connection.transaction():
        superuser_connection.execute("SELECT pg_advisory_xact_lock(%s)", (page.id("anna"),))
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            page.accept([page.message("spend", "anna -1.00")])
    connection.close()

    page.write(("spend", "anna -1.00", "accepted"))
    page.shows("anna 4.00")


def test_a_thread_keeps_its_cursor_but_not_what_a_large_batch_sent() -> None:
    page = Page.open_new("anna EUR", "bank EUR")
    page.write(("one", "bank -1.00, anna 1.00", "accepted"))
    kept = posting._thread.cursor
    page.write(("two", "bank -1.00, anna 1.00", "accepted"))
    assert posting._thread.cursor is kept

    page.write_batch(
        *((f"many {n}", "bank -1.00, anna 1.00", "accepted") for n in range(limits.CURSOR_KEPT_MESSAGES_MAX + 1))
    )
    assert posting._thread.cursor is None
    page.write(("three", "bank -1.00, anna 1.00", "accepted"))
    assert posting._thread.cursor.connection is kept.connection
