"""Detaching: the operations of an archived partition leave the tables, not before they are safe; and it can be undone.

Each test works in a copy of one ledger whose partitions hold ten ids each; the first is full and wholly sealed.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import override_settings
from psycopg import sql

from ledger.models import Operation
from ledger.sealing import (
    acknowledgements,
    archive_file,
    archives,
    archiving,
    detaching,
    publication,
    reduction,
)
from ledger.sealing.verification import Mode, verify
from tests.ledger.page import Page
from tests.ledger.sealing.scene import superuser
from tests.ledger.sealing.small_ledger import FIRST, REDUCED, Ledger, as_owner, copy_of, rewrite, staged

SECOND = "ledger_operation_p00002"
READS = ("", "/lineage", "/receipt")


@pytest.fixture(scope="module")
def original() -> Iterator[tuple[str, Page, Page]]:
    with staged() as ledger:
        yield ledger


@pytest.fixture
def ledger(original: tuple[str, Page, Page], tmp_path: Path) -> Iterator[Ledger]:
    with copy_of(original, tmp_path) as ledger:
        yield ledger


# --- Verification -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
def test_verification_takes_the_file(ledger: Ledger, mode: Mode) -> None:
    ledger.detach()

    assert ledger.check(mode) == []
    assert ledger.check(mode, processes=2) == []


@pytest.mark.parametrize(
    ("statement", "codes"),
    [
        ("UPDATE ledger_operation SET outcome = 'accepted' WHERE id = 2", {"row_changed"}),
        ("UPDATE ledger_operation SET message_hash = sha256('') WHERE id = 1", {"row_changed"}),
        ("UPDATE ledger_operation SET key = 'other' WHERE id = 1", {"row_changed", "key_fault"}),
        ("UPDATE ledger_operation SET message = '' WHERE id = 1", {"row_changed", "metadata_differs"}),
        ("UPDATE ledger_operation SET metadata = NULL WHERE id = 1", {"row_changed", "metadata_differs"}),
        ("UPDATE ledger_operation SET salt = 'x' WHERE id = 1", {"row_changed"}),
        ("DELETE FROM ledger_operation WHERE id = 5", {"row_changed", "entry_stray", "key_fault"}),
        ("UPDATE ledger_operation SET salt = '' WHERE id = 11", {"row_changed"}),
        ("DELETE FROM ledger_operation_key WHERE operation_id = 1", {"key_fault"}),
        ("DELETE FROM ledger_entry WHERE operation_id = 1", {"row_changed", "entry_stray"}),
    ],
)
def test_what_stays_is_held_against_the_file(ledger: Ledger, statement: str, codes: set[str]) -> None:
    ledger.detach()

    ledger.attack(statement)

    assert codes <= set(ledger.check())


def test_a_partition_that_is_exchanged_meanwhile_is_read_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ledger.detach()
    found = archives.Shelf.__init__
    before: list[bool] = []

    def late(shelf: archives.Shelf, *arguments: object, **more: object) -> None:
        """At first, for the whole book and for its blocks, it remembers how it was before: nothing archived."""
        found(shelf, *arguments, **more)  # type: ignore[arg-type]
        if len(before) < 2:
            before.append(True)
            shelf.shelved = []

    seen = iter([[], *[archives.partitions()] * 9])
    monkeypatch.setattr(archives.Shelf, "__init__", late)
    monkeypatch.setattr("ledger.sealing.verification.partitions", lambda: next(seen))

    assert path.exists()
    assert ledger.check() == []
    assert len(before) == 2


def test_the_tables_are_guarded(ledger: Ledger) -> None:
    ledger.detach()

    with psycopg.connect(owner_url(ledger)) as owner:
        for table in (FIRST, REDUCED):
            for statement in ("DELETE FROM {}", "UPDATE {} SET key = key", "TRUNCATE {}"):
                with pytest.raises(psycopg.errors.RestrictViolation), owner.transaction():
                    owner.execute(sql.SQL(statement).format(sql.Identifier(table)))
    with superuser(ledger.name) as attacker:
        for table in (FIRST, REDUCED):
            attacker.execute(f"ALTER TABLE {table} DISABLE TRIGGER appendonly_update")
    report = verify(mode=Mode.RECENT, books=[ledger.book])
    assert [finding.detail for finding in report.findings.found] == [
        f"{FIRST}: It does not refuse UPDATE.",
        f"{REDUCED}: It does not refuse UPDATE.",
    ]


def owner_url(ledger: Ledger) -> str:
    with as_owner():
        place = connection.settings_dict
        return f"postgres://{place['USER']}:{place['PASSWORD']}@{place['HOST']}:{place['PORT']}/{ledger.name}"


def written_by_hand(ledger: Ledger) -> int:
    columns = "book_id, source_id, kind, message, message_hash, credential, received_at, effective_at"
    with superuser(ledger.name) as attacker:
        row = attacker.execute(
            f"INSERT INTO ledger_operation (key, outcome, {columns}) SELECT 'by hand', 'forbidden', {columns}"
            " FROM ledger_operation WHERE id = 1 RETURNING id"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_quarantined_operation_stays_acknowledged(ledger: Ledger) -> None:
    page = ledger.page
    quarantined = written_by_hand(ledger)
    for number in range(9):
        page.write((f"more {number}", "anna 1.00", "accepted"))
    page.seal()
    ledger.other.seal()
    acknowledgements.acknowledge(book=ledger.book, operation_id=quarantined, who="staff:eve", reason="a test by hand")
    told = [verify(mode=Mode.FULL, books=[ledger.book]).acknowledged.keys()]
    with as_owner():
        ledger.archive(name=SECOND)
        call_command("archive", SECOND, "--detach")

    report = verify(mode=Mode.FULL, books=[ledger.book])

    told.append(report.acknowledged.keys())
    assert (report.exit_code, told) == (0, [{quarantined}, {quarantined}])


# --- The acts -----------------------------------------------------------------------------------------------------


def test_it_refuses_what_is_not_archived(ledger: Ledger) -> None:
    with pytest.raises(CommandError, match=rf"No archive of {FIRST} is sealed in book page-.*, page-"):
        ledger.command("--detach")


def test_it_refuses_where_the_file_is_away(ledger: Ledger) -> None:
    ledger.archive().unlink()

    with pytest.raises(CommandError, match=rf"^{FIRST}.zip is in none of the folders of ARCHIVE_DIRECTORIES"):
        ledger.command("--detach")


def test_it_refuses_another_file_than_was_sealed(ledger: Ledger) -> None:
    path = ledger.archive()
    rewrite(path, lambda content: content)

    with pytest.raises(CommandError, match="is not the file that was sealed: its SHA-256 is "):
        ledger.command("--detach")


def test_it_refuses_before_the_seal_is_published(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(publication, "publish", lambda **_book: None)
        ledger.archive()
    with pytest.raises(CommandError, match=r"No signed head of book page-.* that covers the archive is published yet"):
        ledger.command("--detach")
    with override_settings(SEAL_DIRECTORIES=[]):
        publication.publish(book=ledger.book)

    with pytest.raises(CommandError, match="is published yet"):
        ledger.command("--detach")


def test_it_refuses_what_differs_from_the_archive(ledger: Ledger) -> None:
    ledger.archive()
    ledger.attack("UPDATE ledger_operation SET outcome = 'accepted' WHERE id = 2")

    with pytest.raises(
        CommandError, match=f"Operation 2 is not the same in {FIRST} and in {REDUCED}; nothing was changed"
    ):
        ledger.command("--detach")
    assert Operation.objects.get(id=2).salt


def test_the_role_of_the_application_may_not(ledger: Ledger) -> None:
    ledger.archive()

    with pytest.raises(CommandError, match="set DATABASE_ROLE=owner"):
        call_command("archive", FIRST, "--detach")
    for statement in (
        "SELECT ledger_open_reduced_v1('00001', 0, 10)",
        f"SELECT ledger_exchange_partition_v1('{FIRST}', '{REDUCED}', 0, 10)",
        f"SELECT ledger_bound_v1('{FIRST}', 0, 10)",
    ):
        with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), connection.cursor() as cursor:
            cursor.execute(statement)


def test_an_interrupted_detaching_is_gone_on_with(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "ARCHIVE_PART_IDS", 3)
    ledger.archive()
    with monkeypatch.context() as patch:
        written = reduction._write

        def interrupted(table: str, rows: list[dict[str, str]]) -> None:
            if int(rows[0]["id"]) > 6:
                raise KeyboardInterrupt
            written(table, rows)

        patch.setattr(reduction, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ledger.command("--detach")
    assert archives.partitions()[0].name == FIRST
    assert ledger.page.query(f"SELECT relispartition FROM pg_class WHERE relname = '{REDUCED}'") == [(False,)]

    ledger.command("--detach")

    assert archives.partitions()[0].name == REDUCED
    assert ledger.check() == []


def test_it_gives_up_where_a_session_holds_on(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.archive()
    monkeypatch.setattr(detaching, "DETACH_TRIES_MAX", 2)
    monkeypatch.setattr(detaching, "DETACH_PAUSE_SECONDS", 0.0)

    with superuser(ledger.name) as session, session.transaction():
        session.execute("SELECT count(*) FROM ledger_operation")
        with pytest.raises(
            CommandError, match="A session holds on to the operations all the time; nothing was changed"
        ):
            ledger.command("--detach")
    assert Operation.objects.get(id=1).salt

    ledger.command("--detach")
    assert Operation.objects.get(id=1).is_reduced


def test_one_command_is_at_work_at_a_time(ledger: Ledger) -> None:
    ledger.archive()

    with superuser(ledger.name) as another:
        another.execute("SELECT pg_advisory_lock(1, 3)")
        with pytest.raises(CommandError, match="Another command is detaching, attaching or dropping at this moment"):
            ledger.command("--detach")

    ledger.command("--detach")
    assert Operation.objects.get(id=1).is_reduced


def test_it_can_be_attached_again(ledger: Ledger) -> None:
    ledger.detach()

    ledger.command("--attach")

    assert not Operation.objects.get(id=1).is_reduced
    assert archives.partitions()[0].name == FIRST
    assert ledger.check() == []
    ledger.command("--detach")
    assert Operation.objects.get(id=1).is_reduced
    assert ledger.check() == []


def test_the_detached_table_is_dropped_only_with_a_sound_archive(ledger: Ledger) -> None:
    with pytest.raises(CommandError, match=f"{FIRST} is no detached partition"):
        ledger.command("--drop")
    path = ledger.detach()
    good = path.read_bytes()
    rewrite(path, lambda content: content.replace(b"below_floor", b"no_such_thing"))
    with pytest.raises(CommandError, match="is not the file that was sealed"):
        ledger.command("--drop")
    path.write_bytes(good)
    ledger.attack("UPDATE ledger_operation SET outcome = 'accepted' WHERE id = 2")
    with pytest.raises(CommandError, match=f"Operation 2 in {REDUCED} is not what .* makes of it"):
        ledger.command("--drop")
    ledger.attack("UPDATE ledger_operation SET outcome = 'below_floor' WHERE id = 2")

    ledger.command("--drop")

    with pytest.raises(CommandError, match=f"{FIRST} is no detached partition"):
        ledger.command("--attach")
    assert ledger.check() == []
    assert archive_file.sha256_of(path)


def test_it_tells_what_there_is(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.detach()
    capsys.readouterr()

    call_command("archive")

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{REDUCED}: operations 1 to 10, archived and detached"
    assert lines[1] == "ledger_operation_p00002: operations 11 to 20"
    assert lines[-1] == f"{FIRST}: detached, can be dropped or attached again"


def test_partitions_are_numbered_on(ledger: Ledger) -> None:
    before = {each.name for each in archives.partitions()}
    ledger.detach()
    ledger.command("--drop")

    added = [ledger.page.query("SELECT ledger_add_partitions_v2(12, 10)")[0][0] for _ in range(2)]

    after = [each.name for each in archives.partitions()]
    assert after[0] == REDUCED
    assert sorted(after[1:]) == [f"ledger_operation_p{number:05d}" for number in range(2, len(after) + 1)]
    assert len(after) > len(before)
    assert (added[0] > 0, added[1]) == (True, 0)


def test_records_are_counted_as_before(ledger: Ledger) -> None:
    page = ledger.page
    drift = "SELECT count(*) FROM ledger_record_count WHERE book_id = %s AND repository = 'operations'"
    ledger.detach()
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_count_records_v1(%s)", (page.book_id,))

    assert page.query(drift, page.book_id) == [(1,)]
    assert page.query(
        "SELECT records FROM ledger_record_count WHERE book_id = %s AND repository = 'operations'", page.book_id
    ) == [(page.count("ledger_operation"),)]
