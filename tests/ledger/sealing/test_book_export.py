"""A book's export: read from the database, and found whole by the verifier that a stranger holds."""

import json
from pathlib import Path

import psycopg
import pytest
from django.test import override_settings

from accounts.models import Book
from ledger.sealing import chain, sealer, signing, tiles, verify_receipt
from ledger.sealing.book_export import export_book
from ledger.sealing.export import ExportError
from tests.ledger.page import Page


@pytest.fixture(autouse=True)
def folder(tmp_path):
    with override_settings(SEAL_DIRECTORIES=[tmp_path / "checkpoints"]):
        yield tmp_path / "export"


@pytest.fixture
def page() -> Page:
    return Page.open_new("anna EUR floor 0.00", "bank EUR")


def book_of(page: Page) -> Book:
    return Book.objects.get(id=page.book_id)


def verified(folder: Path) -> int:
    return verify_receipt.main(["export", str(folder), "--key", signing.public_keys()[0]])


def test_it_holds_every_leaf_of_blocks_of_all_lengths(page, folder, monkeypatch):
    monkeypatch.setattr(sealer, "BLOCK_OPERATIONS_MAX", 150)
    page.write(("a", "bank -5.00, anna 5.00", "accepted"), ("b", "anna -6.00", "below_floor"))
    page.seal()
    for number in range(3):
        page.seal()
        page.accept([page.message(f"{number}.{place}", "anna 1.00, bank -1.00") for place in range(200)])
    page.seal()

    size, files = export_book(book=book_of(page), folder=folder)

    assert size == chain.head(book_id=page.book_id).size == 2 + 600 + 4 + 4
    assert verified(folder) == verify_receipt.OK
    assert files == sum(path.is_file() for path in folder.rglob("*"))
    first = tiles.decode_bundle((folder / "tile/entries/000").read_bytes())
    assert [json.loads(leaf)["type"] for leaf in first[:4]] == ["block", "operation", "operation", "block"]


def test_it_grows_by_what_is_new_and_leaves_out_what_is_quarantined(page, folder, owner_connection: psycopg.Connection):
    page.write(("a", "bank 1.00", "accepted"))
    page.seal()
    export_book(book=book_of(page), folder=folder)
    page.write(("b", "bank 1.00", "accepted"))
    columns = "book_id, source_id, kind, message, message_hash, credential, received_at, effective_at, outcome"
    columns += ", entry_first, entry_last"
    owner_connection.execute(
        f"INSERT INTO ledger_operation ({columns}, key) SELECT {columns}, 'by hand' FROM ledger_operation"
        " WHERE book_id = %s AND key = 'a'",
        (page.book_id,),
    )
    page.write(("c", "bank 1.00", "accepted"))
    page.seal()

    size, _ = export_book(book=book_of(page), folder=folder)

    assert size == 5
    assert verified(folder) == verify_receipt.OK


def test_it_tells_a_block_whose_operations_are_not_there(page, folder, monkeypatch):
    page.write(("a", "bank 1.00", "accepted"), ("b", "bank 1.00", "accepted"))
    page.seal()
    monkeypatch.setattr("ledger.sealing.book_export.leaves_of", lambda *_, **__: {})

    with pytest.raises(ExportError, match="Block 1 has other operations"):
        export_book(book=book_of(page), folder=folder)


def test_a_book_without_a_signed_head_is_told(page, folder):
    with pytest.raises(ExportError, match="no signed head"):
        export_book(book=book_of(page), folder=folder)
