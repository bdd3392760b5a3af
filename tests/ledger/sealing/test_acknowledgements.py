"""Acknowledgements: a quarantined operation that somebody looked into no longer fails verification, and is never hidden."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test import override_settings

from accounts.models import Book
from ledger.models import SealAcknowledgement
from ledger.sealing import acknowledgements, status
from ledger.sealing.acknowledgements import AcknowledgementRefused
from ledger.sealing.verification import Mode, Report, verify
from security.access_models import AccessRecord
from tests.ledger.page import Page


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[None]:
    with override_settings(SEAL_DIRECTORIES=[tmp_path / "checkpoints"]):
        yield


@pytest.fixture
def page(owner_connection: psycopg.Connection) -> Page:
    """A book with one operation that was written by hand, and sealed around it."""
    page = Page.open_new("anna EUR", "bank EUR")
    page.write(("salary", "bank -5.00, anna 5.00", "accepted"))
    owner_connection.execute(
        "INSERT INTO ledger_operation (book_id, source_id, key, kind, message, message_hash, credential, received_at,"
        " effective_at, outcome) SELECT book_id, source_id, 'by hand', kind, message, message_hash, credential,"
        " received_at, effective_at, 'forbidden' FROM ledger_operation WHERE book_id = %s",
        (page.book_id,),
    )
    page.seal()
    return page


def book_of(page: Page) -> Book:
    return Book.objects.get(id=page.book_id)


def forged(page: Page) -> int:
    statement = "SELECT operation_id FROM ledger_seal_quarantine WHERE book_id = %s"
    return int(page.query(statement, page.book_id)[0][0])


def acknowledge(page: Page, reason: str = "a test of the auditors") -> None:
    acknowledgements.acknowledge(book=book_of(page), operation_id=forged(page), who="staff:anna", reason=reason)


def check(page: Page) -> Report:
    return verify(mode=Mode.FULL, books=[book_of(page)])


def codes(report: Report) -> list[str]:
    return [finding.code.value for finding in report.findings.found]


def test_verification_tells_of_it_and_ends_well(page: Page) -> None:
    before = check(page)
    acknowledge(page)
    after = check(page)

    assert (before.exit_code, codes(before)) == (1, ["quarantined", "key_fault"])
    assert (after.exit_code, codes(after)) == (0, [])
    assert after.document["acknowledged_total"] == 1
    (said,) = after.document["acknowledged"]
    assert (said["operation"], said["who"], said["reason"]) == (forged(page), "staff:anna", "a test of the auditors")


def test_another_forgery_is_found_as_ever(page: Page, owner_connection: psycopg.Connection) -> None:
    acknowledge(page)
    owner_connection.execute(
        "INSERT INTO ledger_operation (book_id, source_id, key, kind, message, message_hash, credential, received_at,"
        " effective_at, outcome) SELECT book_id, source_id, 'again', kind, message, message_hash, credential,"
        " received_at, effective_at, outcome FROM ledger_operation WHERE book_id = %s AND key = 'by hand'",
        (page.book_id,),
    )
    page.seal()

    report = check(page)

    assert (report.exit_code, len(report.acknowledged)) == (1, 1)
    assert set(codes(report)) == {"quarantined", "key_fault"}


def test_a_change_after_the_acknowledgement_is_found(page: Page, superuser_connection: psycopg.Connection) -> None:
    acknowledge(page)
    table = "ledger_operation"
    superuser_connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER appendonly_update")
    try:
        superuser_connection.execute(f"UPDATE {table} SET outcome = 'accepted' WHERE id = %s", (forged(page),))
    finally:
        superuser_connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER appendonly_update")

    report = check(page)

    assert report.exit_code == 1
    assert {"row_changed", "quarantined"} <= set(codes(report))


def test_an_acknowledgement_by_hand_is_none(page: Page, owner_connection: psycopg.Connection) -> None:
    acknowledge(page)
    owner_connection.execute(
        "INSERT INTO ledger_seal_acknowledgement (book_id, operation_id, leaf_hash, who, reason, mac, mac_key)"
        " SELECT book_id, operation_id + 1, leaf_hash, who, reason, mac, mac_key FROM ledger_seal_acknowledgement"
        " WHERE book_id = %s",
        (page.book_id,),
    )

    assert codes(check(page)) == ["code_invalid"]


def test_control_without_the_code_an_acknowledgement_by_hand_would_hide(
    page: Page, owner_connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledge(page)
    owner_connection.execute(
        "INSERT INTO ledger_operation (book_id, source_id, key, kind, message, message_hash, credential, received_at,"
        " effective_at, outcome) SELECT book_id, source_id, 'again', kind, message, message_hash, credential,"
        " received_at, effective_at, outcome FROM ledger_operation WHERE book_id = %s AND key = 'by hand'",
        (page.book_id,),
    )
    page.seal()
    book, newest = book_of(page), page.query("SELECT max(id) FROM ledger_operation WHERE book_id = %s", page.book_id)
    leaf = acknowledgements.leaf_anywhere(book=book, operation_id=newest[0][0])
    owner_connection.execute(
        "INSERT INTO ledger_seal_acknowledgement (book_id, operation_id, leaf_hash, who, reason, mac, mac_key)"
        " SELECT book_id, %s, %s, who, reason, mac, mac_key FROM ledger_seal_acknowledgement WHERE book_id = %s",
        (newest[0][0], acknowledgements.tree.leaf_hash(leaf), page.book_id),
    )
    assert check(page).exit_code == 1

    monkeypatch.setattr(acknowledgements, "_is_genuine", lambda _row: True)

    assert check(page).exit_code == 0


def test_it_is_in_the_access_record_and_for_ever(page: Page) -> None:
    acknowledge(page, reason="found on the test system")

    row = AccessRecord.objects.order_by("-id")[0]
    assert (row.who, row.code) == ("staff:anna", "acknowledged")
    assert row.what.endswith("acknowledged: found on the test system")
    with pytest.raises(AcknowledgementRefused, match="acknowledged already"):
        acknowledge(page)
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(
            "SELECT ledger_acknowledge_v1(%s, %s, %s, '', 'x', 'x', 'x')", (page.book_id, forged(page), b"h" * 32)
        )


@pytest.mark.parametrize(("key", "said"), [("salary", "is not quarantined"), (None, "needs a reason")])
def test_it_refuses_what_is_none(page: Page, key: str | None, said: str) -> None:
    operation, reason = (page.operation_id(key), "why") if key else (forged(page), " ")

    with pytest.raises(AcknowledgementRefused, match=said):
        acknowledgements.acknowledge(book=book_of(page), operation_id=operation, who="staff:anna", reason=reason)
    assert not SealAcknowledgement.objects.filter(book_id=page.book_id).exists()


def test_the_commands_say_it(page: Page) -> None:
    name, out = book_of(page).name, io.StringIO()
    with pytest.raises(CommandError, match="needs a reason"):
        call_command("seal", acknowledge=forged(page), book=name)
    call_command("seal", acknowledge=forged(page), book=name, reason="known", stdout=out)
    told, told_as_json = io.StringIO(), io.StringIO()
    call_command("verify", book=[name], processes=1, stdout=told)
    call_command("verify", book=[name], processes=1, json=True, stdout=told_as_json)

    assert "is acknowledged" in out.getvalue()
    assert f"acknowledged: book {name} operation {forged(page)}: by shell:" in told.getvalue()
    assert "sound (1 quarantined operations are acknowledged)" in told.getvalue()
    assert json.loads(told_as_json.getvalue())["acknowledged"][0]["reason"] == "known"


def test_the_gauge_counts_those_that_nobody_looked_into(page: Page) -> None:
    def standing() -> tuple[int, int]:
        (own,) = [chain for chain in status.chains() if chain.book == book_of(page).name]
        return own.quarantined, own.unacknowledged

    assert standing() == (1, 1)
    acknowledge(page)
    assert standing() == (1, 0)
