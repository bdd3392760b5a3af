"""Verification: a sound book is sound, and each thing that is changed behind the ledger's back is found and named."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.test import override_settings

from accounts.models import Book
from ledger.models import Verification
from ledger.sealing import block_check, processes, runs, verification
from ledger.sealing.findings import Code
from ledger.sealing.verification import Mode, Report, verify
from tests.ledger.page import Page


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with override_settings(SEAL_DIRECTORIES=[tmp_path / "checkpoints"]):
        yield tmp_path / "checkpoints"


@pytest.fixture
def page() -> Page:
    page = Page.open_new("anna EUR floor 0.00", "bank EUR")
    for number in range(4):
        page.write(
            (f"in {number}", "bank -5.00, anna 5.00", "accepted"), (f"out {number}", "anna -99.00", "below_floor")
        )
        page.seal()
    page.write(("undo", "reverse in 0", "accepted"))
    page.seal()
    page.aggregate()
    return page


def check(page: Page, mode: Mode = Mode.FULL, **options: Any) -> Report:
    return verify(mode=mode, books=[Book.objects.get(id=page.book_id)], **options)


def found(report: Report) -> list[tuple[Code, int | None, int | None]]:
    return [(finding.code, finding.block, finding.operation) for finding in report.findings.found]


def tamper(superuser_url: str, *statements: str) -> None:
    """Do what only somebody with all rights can: switch the triggers off for these statements."""
    with psycopg.connect(superuser_url) as connection:
        for table in (
            "ledger_operation",
            "ledger_entry",
            "ledger_seal_block",
            "ledger_operation_key",
            "ledger_seal_checkpoint",
        ):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        for table in (
            "ledger_operation",
            "ledger_entry",
            "ledger_seal_block",
            "ledger_operation_key",
            "ledger_seal_checkpoint",
        ):
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            for operation in ("update", "delete", "truncate"):
                connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER appendonly_{operation}")


@pytest.mark.parametrize("mode", list(Mode))
def test_a_sound_book_is_sound(page: Page, mode: Mode) -> None:
    report = check(page, mode)

    assert found(report) == []
    assert report.exit_code == 0
    assert report.books[0].operations == 9
    assert report.books[0].outside == 5
    assert not report.document["self_check_only"]


def test_it_says_that_it_is_a_self_check_where_nothing_lies_outside(page: Page, tmp_path: Path) -> None:
    with override_settings(SEAL_DIRECTORIES=[tmp_path / "nowhere"]):
        assert check(page).document["self_check_only"]


@pytest.mark.parametrize("is_alone", [True, False])  # with one thread a process forks, with more it starts others anew
def test_several_processes_find_the_same(
    page: Page, superuser_url: str, monkeypatch: pytest.MonkeyPatch, is_alone: bool
) -> None:
    monkeypatch.setattr(block_check, "SPAN_OPERATIONS_MAX", 2)
    monkeypatch.setattr(processes, "_is_alone", lambda: is_alone)
    operation = page.operation_id("in 2")
    tamper(
        superuser_url, f"UPDATE ledger_entry SET amount = amount + 1 WHERE operation_id = {operation} AND amount > 0"
    )

    report = check(page, processes=2)

    assert (Code.ROW_CHANGED, 3, operation) in found(report)
    assert Code.AGGREGATE_DIFFERS in {code for code, _, _ in found(report)}
    assert report.books[0].operations == 9


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE ledger_operation SET recorded_at = recorded_at - interval '1 day' WHERE id = {id}", Code.ROW_CHANGED),
        ("UPDATE ledger_operation SET key = 'other' WHERE id = {id}", Code.ROW_CHANGED),
        ("UPDATE ledger_operation SET message = '{{}}' WHERE id = {id}", Code.ROW_CHANGED),
        ("UPDATE ledger_entry SET amount = -amount WHERE operation_id = {id}", Code.ROW_CHANGED),
        ("DELETE FROM ledger_entry WHERE operation_id = {id}", Code.ROW_CHANGED),
    ],
)
def test_it_names_the_record_that_was_changed(page: Page, superuser_url: str, statement: str, code: Code) -> None:
    operation = page.operation_id("in 1")

    tamper(superuser_url, statement.format(id=operation))

    assert (code, 2, operation) in found(check(page))


def write_refusals(page: Page) -> None:
    page.write(
        ("unknown", "nobody 1.00, anna 1.00", "account_unknown"),
        ("scale", "anna 1.001", "amount_scale"),
        ("again", "reverse in 0", "already_reversed"),
        ("twice", "reverse undo", "not_reversible"),
    )
    page.write_batch(
        ("poor", "anna -99.00", "below_floor"), ("rich", "bank 1.00", "batch_refused"), all_or_nothing=True
    )
    page.change("bank", status="frozen")
    page.write(("frozen", "bank -1.00, anna 1.00", "account_frozen"))
    page.seal()


def test_it_knows_which_accounts_a_refusal_would_have_changed(page: Page) -> None:
    write_refusals(page)

    assert found(check(page)) == []


@pytest.mark.parametrize("key", ["again", "poor", "rich", "frozen"])
def test_it_finds_a_refusal_that_was_hidden_from_its_accounts(page: Page, superuser_url: str, key: str) -> None:
    write_refusals(page)
    tamper(superuser_url, f"UPDATE ledger_operation SET refused_accounts = NULL WHERE id = {page.operation_id(key)}")

    assert found(check(page)) == [(Code.REFUSED_ACCOUNTS_DIFFER, 6, page.operation_id(key))]


@pytest.mark.parametrize("key", ["in 1", "unknown", "scale", "again", "twice", "rich"])
def test_it_finds_a_refusal_that_is_shown_under_another_account(page: Page, superuser_url: str, key: str) -> None:
    write_refusals(page)
    operation, account = page.operation_id(key), page.id("anna")
    tamper(superuser_url, f"UPDATE ledger_operation SET refused_accounts = ARRAY[{account}] WHERE id = {operation}")

    assert [(code, operation) for code, _, operation in found(check(page))] == [
        (Code.REFUSED_ACCOUNTS_DIFFER, operation)
    ]


def test_it_tells_which_leaf_lost_its_record(page: Page, superuser_url: str) -> None:
    operation = page.operation_id("in 1")
    tamper(superuser_url, f"DELETE FROM ledger_operation WHERE id = {operation}")

    report = check(page)

    assert (Code.ROW_REMOVED, 2, None) in found(report)
    assert "Leaf 4 " in report.findings.found[0].detail


def test_it_finds_what_was_put_where_no_block_looks(page: Page, owner_connection: psycopg.Connection[Any]) -> None:
    operation = page.operation_id("in 1")
    owner_connection.execute(
        "INSERT INTO ledger_entry (book_id, operation_id, account_id, amount, effective_at) VALUES (%s, %s, %s, 1, now())",
        (page.book_id, operation, page.id("bank")),
    )
    page.aggregate()

    assert found(check(page)) == [(Code.ENTRY_STRAY, None, operation)]


def test_it_finds_a_block_that_is_missing_and_a_header_that_was_changed(page: Page, superuser_url: str) -> None:
    tamper(
        superuser_url,
        f"UPDATE ledger_seal_block SET header = header || ' ' WHERE book_id = {page.book_id} AND number = 4",
    )
    tamper(superuser_url, f"DELETE FROM ledger_seal_block WHERE book_id = {page.book_id} AND number = 2")

    codes = found(check(page))

    assert (Code.HEADER_CHANGED, 4, None) in codes
    assert (Code.BLOCK_MISSING, 2, None) in codes


def test_it_finds_a_tail_that_was_cut(page: Page, superuser_url: str) -> None:
    book = page.book_id
    tamper(
        superuser_url,
        f"DELETE FROM ledger_seal_block WHERE book_id = {book} AND number = 5",
        f"DELETE FROM ledger_seal_checkpoint WHERE book_id = {book} AND size > 12",
        f"DELETE FROM ledger_entry WHERE operation_id = {page.operation_id('undo')}",
        f"DELETE FROM ledger_operation WHERE id = {page.operation_id('undo')}",
    )

    report = check(page)

    assert Code.OUTSIDE_LONGER in {code for code, _, _ in found(report)}


def test_it_finds_a_head_that_our_keys_have_not_signed(page: Page, superuser_url: str) -> None:
    tamper(
        superuser_url,
        "UPDATE ledger_seal_checkpoint SET note = replace(note, 'localhost', 'elsewhere')"
        f" WHERE book_id = {page.book_id} AND size = 3",
    )

    assert [code for code, _, _ in found(check(page))] == [Code.HEAD_SIGNATURE]


def test_it_finds_an_operation_that_lost_its_key(page: Page, superuser_url: str) -> None:
    operation = page.operation_id("in 3")
    tamper(superuser_url, f"DELETE FROM ledger_operation_key WHERE operation_id = {operation}")

    assert found(check(page)) == [(Code.KEY_FAULT, None, operation)]


def test_it_finds_a_reversal_that_lost_the_key_which_makes_it_happen_once(page: Page, superuser_url: str) -> None:
    undo = page.operation_id("undo")
    tamper(superuser_url, f"DELETE FROM ledger_operation_key WHERE operation_id = {undo} AND source_id = 0")

    assert found(check(page)) == [(Code.KEY_FAULT, None, undo)]


def test_it_finds_a_key_that_names_an_operation_which_is_not_its_own(
    page: Page, owner_connection: psycopg.Connection[Any]
) -> None:
    operation = page.operation_id("in 3")
    owner_connection.execute(
        "INSERT INTO ledger_operation_key (book_id, source_id, key, operation_id) VALUES (%s, %s, 'never sent', %s)",
        (page.book_id, page.source_id, operation),
    )

    assert found(check(page)) == [(Code.KEY_FAULT, None, operation)]


def test_it_finds_guards_that_are_off(page: Page, superuser_url: str) -> None:
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE ledger_entry_p00001 DISABLE TRIGGER appendonly_delete")
        connection.execute("GRANT INSERT ON ledger_mark TO billing_app")
        try:
            details = [finding.detail for finding in check(page, Mode.RECENT).findings.found]
        finally:
            connection.execute("ALTER TABLE ledger_entry_p00001 ENABLE ALWAYS TRIGGER appendonly_delete")
            connection.execute("REVOKE INSERT ON ledger_mark FROM billing_app")

    assert details == [
        "ledger_entry_p00001: It does not refuse DELETE.",
        "ledger_mark: The role of the application may INSERT.",
    ]


def test_it_names_what_is_quarantined_every_time(page: Page, owner_connection: psycopg.Connection[Any]) -> None:
    columns = "book_id, source_id, kind, message, message_hash, credential, received_at, effective_at, outcome"
    row = owner_connection.execute(
        f"INSERT INTO ledger_operation (key, {columns}) SELECT 'forged', {columns} FROM ledger_operation WHERE id = %s"
        " RETURNING id",
        (page.operation_id("out 0"),),
    ).fetchone()
    page.seal()

    assert row
    assert (Code.QUARANTINED, 6, row[0]) in found(check(page))


def test_a_day_of_scrubs_reads_everything(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "RECENT_BLOCKS", 2)

    reached = [check(page, Mode.SCRUB).books[0].blocks for _ in range(4)]

    assert reached == [2, 2, 1, 2]


def test_it_keeps_its_report(page: Page) -> None:
    report = check(page)

    kept = Verification.objects.filter(run=report.run).order_by("id")
    assert [step.state for step in kept] == ["running", "done"]
    assert kept.last().report == report.document
    assert runs.newest().run == kept.last().run


def test_the_command_tells_people_and_programs(page: Page, superuser_url: str) -> None:
    name = Book.objects.get(id=page.book_id).name
    output = io.StringIO()
    call_command("verify", "--book", name, "--processes", "1", stdout=output)
    assert "0 findings" in output.getvalue()
    assert "sound" in output.getvalue()

    tamper(superuser_url, f"UPDATE ledger_operation SET key = 'x' WHERE id = {page.operation_id('in 0')}")
    output = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify", "--book", name, "--json", "--processes", "1", stdout=output)

    assert ended.value.code == 1
    assert json.loads(output.getvalue())["findings"][0]["code"] == "row_changed"
    with pytest.raises(SystemExit) as ended:
        call_command("verify", "--book", "no such book", stderr=io.StringIO())
    assert ended.value.code == 2
