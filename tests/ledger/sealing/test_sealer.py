"""The sealer: blocks that tile all operations, one tree over them, heads signed and published, and what it refuses to seal."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, ProgrammingError
from django.test import override_settings

from accounts.models import Book
from ledger.models import SealBlock, SealCheckpoint, SealQuarantine
from ledger.posting import execute
from ledger.sealing import chain, checkpoints, publication, sealer, signing, tree
from ledger.sealing.contents import leaf_of
from ledger.sealing.sealer import SealRefused
from ledger.sealing.sinks import DirectorySink
from tests.ledger.page import Page


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with override_settings(SEAL_DIRECTORIES=[tmp_path / "checkpoints"]):
        yield tmp_path / "checkpoints"


@pytest.fixture
def page() -> Page:
    return Page.open_new("anna EUR floor 0.00", "bank EUR", "points JPY")


def leaves(page: Page) -> list[bytes]:
    """All leaf hashes of the book, recomputed from the rows and the headers."""
    hashes = []
    for block in SealBlock.objects.filter(book_id=page.book_id).order_by("number"):
        rows = page.query(
            "SELECT id FROM ledger_operation WHERE book_id = %s AND id > %s AND id <= %s ORDER BY id",
            page.book_id,
            block.from_id,
            block.to_id,
        )
        book = Book.objects.get(id=page.book_id)
        entries = [bytes(block.header), *(leaf_of(book=book, operation_id=row[0]) for row in rows)]
        hashes += [tree.leaf_hash(entry) for entry in entries if entry]
    return hashes


def test_it_seals_what_was_accepted_and_what_was_refused(page: Page) -> None:
    page.write(
        ("a", "bank -5.00, anna 5.00", "accepted"), ("b", "anna -6.00", "below_floor"), ("c", "points 3", "accepted")
    )

    assert page.seal() == [3]

    block = SealBlock.objects.get(book_id=page.book_id)
    assert (block.number, block.previous_size, block.size, block.count) == (1, 0, 4, 3)
    header = json.loads(bytes(block.header))
    assert header["totals"] == [
        {"decrements": "500", "entries": "2", "exponent": "2", "increments": "500", "unit": "EUR"},
        {"decrements": "0", "entries": "1", "exponent": "0", "increments": "3", "unit": "JPY"},
    ]
    assert bytes(block.root) == tree.root(leaves(page))


def test_its_tree_is_that_of_rfc_6962_over_all_blocks(page: Page) -> None:
    chance = random.Random(7)
    for number in range(12):
        batch = [
            page.message(f"{number}.{place}", "anna 1.00, bank -1.00")
            for place in range(chance.choice([1, 3, 70, 200]))
        ]
        page.accept(batch)
        page.seal()

    expected = leaves(page)

    head = chain.head(book_id=page.book_id)
    assert (head.size, head.root) == (len(expected), tree.root(expected))
    read = chain.node_hashes(book_id=page.book_id)
    for _ in range(60):
        size = chance.randint(1, head.size)
        index, old = chance.randrange(size), chance.randint(0, size)
        path = tree.inclusion_proof(index, size, read)
        assert tree.verify_inclusion(
            leaf=expected[index], index=index, size=size, proof=path, root=tree.root(expected[:size])
        )
        growth = tree.consistency_proof(old, size, read)
        roots = {"old_root": tree.root(expected[:old]), "new_root": tree.root(expected[:size])}
        assert tree.verify_consistency(old=old, new=size, proof=growth, **roots)


def test_it_cuts_a_long_range_into_blocks(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealer, "BLOCK_OPERATIONS_MAX", 10)
    page.accept([page.message(f"{number}", "anna 1.00, bank -1.00") for number in range(35)])

    assert page.seal() == [10, 10, 10, 5]

    assert chain.head(book_id=page.book_id).root == tree.root(leaves(page))


def test_an_empty_block_says_that_the_chain_is_alive(page: Page) -> None:
    assert page.seal() == [0]
    assert page.seal() == [0]

    assert chain.head(book_id=page.book_id).size == 2


def test_it_signs_its_head_with_a_key_that_an_earlier_block_announced(page: Page) -> None:
    page.seal()
    new = signing.signers()[0].generate("localhost")
    with override_settings(SEAL_KEYS=f"{new.text},{signing.signers()[0].text}"):
        page.seal()
        first = publication.newest_checkpoint(book_id=page.book_id)
        page.seal()
        second = publication.newest_checkpoint(book_id=page.book_id)

    signed = [len(checkpoints.notes.parse(found.note).signatures) for found in (first, second) if found]
    assert signed == [1, 2]
    with override_settings(SEAL_KEYS=new.text, SEAL_RETIRED_KEYS=signing.public_keys()):
        page.seal()
        last = publication.newest_checkpoint(book_id=page.book_id)
        assert last
        assert checkpoints.open_signed(last.note, [new.verifier]).checkpoint.size == 4


def test_it_publishes_one_file_a_size_and_never_writes_it_again(page: Page, folder: Path) -> None:
    page.seal()
    page.seal()
    name = Book.objects.get(id=page.book_id).name

    files = sorted(folder.rglob("*.checkpoint"))
    assert [file.name for file in files] == [f"{size:018d}.checkpoint" for size in (1, 2)]
    opened = checkpoints.open_signed(files[1].read_text(), signing.verifiers())
    assert opened.checkpoint == checkpoints.Checkpoint(f"localhost/{name}/1", 2, chain.head(book_id=page.book_id).root)
    DirectorySink(folder).write(book=name, incarnation=1, size=2, note="another")
    assert files[1].read_text() != "another"
    assert not [file for file in folder.rglob("*") if file.name.startswith(".")]


def test_it_publishes_later_what_it_could_not_publish(page: Page, folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    page.seal()
    page.seal()
    folder.unlink()

    publication.publish(book=Book.objects.get(id=page.book_id))

    assert len(list(folder.rglob("*.checkpoint"))) == 2


def test_it_signs_what_was_committed_before_a_crash(page: Page) -> None:
    book = Book.objects.get(id=page.book_id)
    sealer.seal(book=book, safe_id=0)  # and nothing after

    publication.publish(book=book)

    assert SealCheckpoint.objects.filter(book_id=page.book_id).count() == 1


def test_it_quarantines_what_was_inserted_by_hand(page: Page, owner_connection: psycopg.Connection[Any]) -> None:
    page.write(("a", "bank 1.00", "accepted"))
    copied = "book_id, source_id, kind, message, message_hash, credential, received_at, effective_at, outcome"
    copied += ", entry_first, entry_last"
    for key, code in (("forged", "mac"), ("bare", "NULL"), ("odd", "'\\x00'")):
        owner_connection.execute(
            f"INSERT INTO ledger_operation ({copied}, key, mac, mac_key) SELECT {copied}, %s, {code}, mac_key"
            " FROM ledger_operation WHERE book_id = %s AND key = 'a'",
            (key, page.book_id),
        )
    page.write(("b", "bank 2.00", "accepted"))

    assert page.seal() == [2]

    found = (
        SealQuarantine.objects.filter(book_id=page.book_id).order_by("operation_id").values_list("reason", flat=True)
    )
    assert list(found) == ["bad_code", "no_code", "bad_code"]
    header = json.loads(bytes(SealBlock.objects.get(book_id=page.book_id).header))
    assert len(header["quarantined"]) == 3
    assert header["totals"][0]["increments"] == "300"


def test_it_refuses_to_go_on_from_less_than_it_published(page: Page, folder: Path) -> None:
    book = Book.objects.get(id=page.book_id)
    page.seal()
    head = tree.leaf_hash(b"another")
    note = checkpoints.sign(checkpoints.Checkpoint(f"localhost/{book.name}/1", 9, head), signing.signers())
    DirectorySink(folder).write(book=book.name, incarnation=1, size=9, note=str(note))

    with pytest.raises(SealRefused, match="Size 9 was published, and this chain ends at 1"):
        page.seal()


def test_it_refuses_to_go_on_from_another_root_than_it_published(page: Page, folder: Path) -> None:
    book = Book.objects.get(id=page.book_id)
    sealer.seal(book=book, safe_id=0)
    note = checkpoints.sign(checkpoints.Checkpoint(f"localhost/{book.name}/1", 1, b"x" * 32), signing.signers())
    DirectorySink(folder).write(book=book.name, incarnation=1, size=1, note=str(note))

    with pytest.raises(SealRefused, match="another root"):
        page.seal()


def test_the_database_refuses_a_block_that_does_not_continue_or_leaves_something_out(page: Page) -> None:
    page.write(("a", "bank 1.00", "accepted"))
    page.seal()
    head = chain.head(book_id=page.book_id)
    good: dict[str, Any] = {
        "book": page.book_id,
        "number": head.number + 1,
        "incarnation": 1,
        "previous_size": head.size,
        "previous_root": head.root,
        "root": b"r" * 32,
        "from": head.to_id,
        "to": head.to_id,
        "count": 0,
    }
    rest = ("2026-01-01T00:00:00Z", b"{}", b"h" * 32, [], [], [], [], [])

    def append(**changes: Any) -> None:
        execute(sealer._SEAL, (*(good | changes).values(), *rest))

    for changes in ({"number": 1}, {"number": 3}, {"previous_size": 0}, {"previous_root": b"x" * 32}, {"from": 0}):
        with pytest.raises(OperationalError, match="does not continue"):
            append(**changes)
    with pytest.raises(ProgrammingError, match="leaves for"):
        append(count=1)
    with pytest.raises(ProgrammingError, match="beyond the newest closed mark"):
        append(to=2**60)
    with pytest.raises(IntegrityError):
        append(root=b"short")
    append()


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        ("ALTER SEQUENCE ledger_operation_id_seq CACHE 32", "CACHE 32"),
        ("ALTER TABLE ledger_entry ALTER id SET DEFAULT nextval('ledger_entry_id_seq')", "ledger_entry.id"),
    ],
)
def test_it_refuses_sequences_that_would_break_the_marks(scratch: Any, break_it: str, told: str) -> None:
    with psycopg.connect(scratch.owner_url, autocommit=True) as connection:
        assert connection.execute(sealer._FAULTS).fetchall() == []
        connection.execute(break_it)
        faults = connection.execute(sealer._FAULTS).fetchall()

    assert told in faults[0][0]


def test_a_run_seals_every_book_that_has_something_to_seal(page: Page) -> None:
    page.write(("a", "bank 1.00", "accepted"))
    page.seal()  # all marks are closed
    page.write(("b", "bank 1.00", "accepted"))
    page.settle()

    found = {due.book_id: due for due in sealer.due()}[page.book_id]

    assert found.needs_block
    assert found.lag_seconds > 0
