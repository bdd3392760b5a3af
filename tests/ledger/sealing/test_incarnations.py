"""Going on after a restore: refused, until somebody says why; then the loss is part of the chain."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from accounts.models import Book
from ledger.models import SealBlock
from ledger.sealing import chain, checkpoints, incarnations, publication, signing
from ledger.sealing.sealer import SealRefused
from ledger.sealing.sinks import DirectorySink
from tests.ledger.page import Page


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(incarnations, "IDS_SKIPPED_AFTER_RESTORE", 500)  # other tests share the sequences
    with override_settings(SEAL_DIRECTORIES=[tmp_path / "checkpoints"]):
        yield tmp_path / "checkpoints"


@pytest.fixture
def book() -> Book:
    """A book whose chain has two leaves, and of which five were published: it was restored from a backup."""
    page = Page.open_new("bank EUR")
    page.write(("a", "bank 1.00", "accepted"))
    page.seal()
    return Book.objects.get(id=page.book_id)


def lose(book: Book, folder: Path) -> None:
    note = checkpoints.sign(checkpoints.Checkpoint(f"localhost/{book.name}/1", 5, b"r" * 32), signing.signers())
    DirectorySink(folder).write(book=book.name, incarnation=1, size=5, note=str(note))


def test_it_names_what_was_lost_in_the_first_leaf(book: Book, folder: Path) -> None:
    lose(book, folder)
    common = chain.head(book_id=book.id)

    loss = incarnations.open_new(book=book, reason="restored the backup of Monday")

    assert (loss.published.size, loss.common_size, loss.common_root) == (5, 2, common.root)
    block = SealBlock.objects.get(book_id=book.id, number=2)
    note = json.loads(bytes(block.header))["incarnation_note"]
    assert note["reason"] == "restored the backup of Monday"
    assert (note["lost_from"], note["lost_to"], note["old_origin"]) == ("2", "5", f"localhost/{book.name}/1")
    newest = publication.newest_checkpoint(book_id=book.id)
    assert newest
    assert newest.note.startswith(f"localhost/{book.name}/2\n3\n")
    assert publication.fork(book=book, head=chain.head(book_id=book.id)) is None


def test_it_is_refused_where_nothing_was_lost(book: Book) -> None:
    with pytest.raises(SealRefused, match="needs no new incarnation"):
        incarnations.open_new(book=book, reason="for fun")


def test_it_needs_a_reason(book: Book) -> None:
    with pytest.raises(CommandError, match="--reason"):
        call_command("seal", "--new-incarnation", "--book", book.name)


def test_it_begins_anew_where_all_was_lost(folder: Path) -> None:
    book = Book.objects.get(id=Page.open_new("bank EUR").book_id)
    lose(book, folder)

    loss = incarnations.open_new(book=book, reason="no backup")

    assert loss.common_size == 0
    assert chain.head(book_id=book.id).incarnation == 2


def test_it_gives_no_id_twice(book: Book, folder: Path) -> None:
    lose(book, folder)
    before = chain.head(book_id=book.id).to_id

    incarnations.open_new(book=book, reason="restore")
    page = Page(book.id, Page.open_new().source_id)
    page.write(("after", "bank 1.00", "accepted"))

    assert page.operation_id("after") > before + 500
