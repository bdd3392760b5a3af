"""What the database itself holds of mass operations, against code that forgets or means harm."""

import psycopg
import pytest
from django.db import DatabaseError

from massops import files
from massops.models import Chunk, File, MassOperation
from tests.massops.desk import Desk

FILE = "account,amount\nanna,1\n"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE massops_file SET name = 'x' WHERE id = %(file)s",
        "DELETE FROM massops_file WHERE id = %(file)s",
        "UPDATE massops_chunk SET data = '' WHERE file_id = %(file)s",
        "DELETE FROM massops_chunk WHERE file_id = %(file)s",
        "TRUNCATE massops_chunk",
        "UPDATE massops_event SET reason = '' WHERE mass_operation_id = %(id)s",
        "DELETE FROM massops_massoperation WHERE id = %(id)s",
        "UPDATE massops_massoperation SET file_id = NULL WHERE id = %(id)s",
        "UPDATE massops_massoperation SET source_id = source_id + 1 WHERE id = %(id)s",
        "UPDATE massops_massoperation SET state = 'done' WHERE id = %(id)s",
        "UPDATE massops_massoperation SET state = 'paused' WHERE id = %(id)s",
    ],
)
def test_it_refuses_also_its_owner(desk: Desk, owner_connection: psycopg.Connection, statement: str) -> None:
    found = desk.upload(FILE)

    with pytest.raises(psycopg.errors.RestrictViolation):
        owner_connection.execute(statement, {"file": found.file_id, "id": found.id})


@pytest.mark.parametrize(
    "change", ["mode = 'all'", "effective_at = now()", "own_keys = false", "cursor = 0", "state = 'checked'"]
)
def test_what_was_decided_stays(desk: Desk, owner_connection: psycopg.Connection, change: str) -> None:
    done = desk.post(desk.upload(FILE))

    with pytest.raises(psycopg.errors.RestrictViolation):
        owner_connection.execute(f"UPDATE massops_massoperation SET {change} WHERE id = %s", [done.id])


def test_the_service_itself_cannot_write_a_move(desk: Desk) -> None:
    found = desk.upload(FILE)

    with pytest.raises(DatabaseError):
        desk.page.query(
            "INSERT INTO massops_event (mass_operation_id, happened_at, state_from, state_to, reason, details)"
            " VALUES (%s, now(), '', 'done', '', '{}')",
            found.id,
        )


def test_every_move_says_who_and_why(desk: Desk) -> None:
    from massops import lifecycle  # noqa: PLC0415

    found = desk.upload(FILE)
    lifecycle.cancel(mass_operation_id=found.id, source_id=desk.page.source_id, reason="a mistake")

    last = found.events.order_by("-id").first()
    assert (last.state_from, last.state_to, last.source_id, last.reason) == (
        "checked", "cancelled", desk.page.source_id, "a mistake",
    )  # fmt: skip


def test_a_file_is_stored_exactly_as_received_in_bounded_pieces(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK_BYTES", 7)
    found = desk.upload(FILE)

    assert (
        b"".join(bytes(c.data) for c in Chunk.objects.filter(file_id=found.file_id).order_by("ordinal"))
        == FILE.encode()
    )
    assert (found.file.chunks, found.file.size_bytes, found.rows_good) == (4, len(FILE), 1)


def test_the_same_file_is_known_unless_it_is_meant(desk: Desk) -> None:
    first = desk.upload(FILE)

    with pytest.raises(files.FileKnown) as known:
        desk.upload(FILE)
    assert known.value.mass_operation_id == first.id
    assert desk.upload(FILE, again=True).state == "checked"


def test_what_a_refused_upload_left_is_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.upload(FILE)
    before = Chunk.objects.count(), File.objects.count(), MassOperation.objects.count()

    with pytest.raises(files.FileKnown):
        desk.upload(FILE)
    monkeypatch.setattr(files, "FILE_BYTES_MAX", 20)
    with pytest.raises(files.FileTooLarge):
        desk.upload("account,amount\nanna,2\n")
    monkeypatch.undo()
    with pytest.raises(files.FileIncomplete):
        desk.upload("account,amount\nanna,3\n", size_expected=100)

    assert (Chunk.objects.count(), File.objects.count(), MassOperation.objects.count()) == before


def test_pieces_of_an_upload_that_broke_off_are_swept_and_files_are_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import uuid  # noqa: PLC0415

    found = desk.upload(FILE)
    Chunk.objects.create(file_id=uuid.uuid4(), ordinal=0, data=b"lost")
    monkeypatch.setattr(files, "ABANDONED_SECONDS", 0)

    assert files.sweep() >= 1
    assert Chunk.objects.filter(file_id=found.file_id).exists()
